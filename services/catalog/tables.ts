import type { Generated } from 'kysely';

export type CatalogTables = {
  category: { id: string; name: string; created_at: Generated<Date> };
  product: {
    id: string;
    name: string;
    description: string;
    category_id: string | null;
    version: number;
    created_at: Generated<Date>;
    updated_at: Generated<Date>;
  };
  variant: { sku: string; product_id: string; name: string; position: number };
  price: { sku: string; currency: string; amount: number };
  shipping_method: { code: string; name: string };
  shipping_fee: { method: string; currency: string; amount: number };
};
