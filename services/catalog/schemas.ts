import {
  Code,
  Country,
  Currency,
  Id,
  Lines,
  MoneySchema,
  Nullable,
  OneOf,
  PageOf,
  pageQuery,
  Text,
  Timestamp,
  Variants,
} from '@waybill/kernel/schemas';
import Type from 'typebox';

const maxLines = 500;

const VariantSchema = Type.Object({ sku: Code(), name: Type.String(), prices: Type.Array(MoneySchema) }, { title: 'Variant' });
export const ProductSchema = Type.Object(
  {
    id: Id('prd'),
    name: Type.String(),
    description: Type.String(),
    categoryId: Nullable(Type.String()),
    version: Type.Integer(),
    variants: Type.Array(VariantSchema),
    createdAt: Timestamp,
    updatedAt: Timestamp,
  },
  { title: 'Product' },
);
export const ProductPage = PageOf(ProductSchema);
export const ProductById = Type.Object({ id: Id('prd') });
export const ProductQuery = Type.Object(
  { sku: Type.Optional(Code()), categoryId: Type.Optional(Id('cat')), ...pageQuery },
  { additionalProperties: false },
);
export const ProductBody = Type.Object(
  {
    name: Text({ max: 200 }),
    description: Type.Optional(Lines({ min: 0, max: 5_000 })),
    categoryId: Type.Optional(Nullable(Id('cat'))),
    variants: Type.Array(
      Type.Object(
        {
          sku: Code(),
          name: Type.Optional(Text({ max: 200, description: "The product's name, if not given" })),
          prices: Type.Array(MoneySchema, { maxItems: 50, description: 'At most one per currency; none: not for sale' }),
        },
        { title: 'VariantBody', additionalProperties: false },
      ),
      { minItems: 1, maxItems: 100 },
    ),
  },
  { title: 'ProductBody', additionalProperties: false },
);
export const IfMatch = Type.Object({ 'if-match': Type.Optional(Type.String({ pattern: '^(?:\\*|"[0-9]{1,9}")$', examples: ['"1"'] })) });

export const Category = Type.Object({ id: Id('cat'), name: Type.String() }, { title: 'Category' });
export const CategoryPage = PageOf(Category);
export const NewCategory = Type.Object({ name: Text({ max: 200 }) }, { title: 'NewCategory', additionalProperties: false });

const Ship = Type.Object(
  { method: Type.Literal('ship'), shippingMethod: Code(), country: Country },
  { title: 'QuoteShipping', additionalProperties: false },
);
const Pickup = Type.Object({ method: Type.Literal('pickup') }, { title: 'QuotePickup', additionalProperties: false });
export const QuoteBody = Type.Object(
  {
    currency: Currency,
    lines: Type.Array(
      Type.Object(
        { sku: Code(), quantity: Type.Integer({ minimum: 1, maximum: 1_000_000_000 }) },
        { title: 'QuoteLine', additionalProperties: false },
      ),
      { minItems: 1, maxItems: maxLines },
    ),
    delivery: Type.Optional(Variants('method', [Ship, Pickup], { title: 'QuoteDelivery' })),
  },
  { title: 'QuoteBody', additionalProperties: false },
);
export const QuoteSchema = Type.Object(
  {
    currency: Currency,
    lines: Type.Array(
      Type.Object(
        {
          sku: Code(),
          name: Type.String(),
          quantity: Type.Integer(),
          unitPrice: MoneySchema,
          total: MoneySchema,
          taxRate: Type.Integer({ description: 'In basis points' }),
          tax: MoneySchema,
        },
        { title: 'QuotedLine' },
      ),
    ),
    totals: Type.Array(
      Type.Object({ code: OneOf(['subtotal', 'discount', 'shipping', 'tax']), amount: MoneySchema }, { title: 'QuoteTotal' }),
    ),
    total: MoneySchema,
  },
  { title: 'Quote' },
);
