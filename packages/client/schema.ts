// Generated from openapi.json by "npm run gen".

export interface paths {
    "/v1/quotes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Price lines as an order placed now would be
         * @description The flat shipping fee carries no tax. Without a delivery no shipping is charged.
         */
        post: operations["postQuotes"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/products": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List products */
        get: operations["getProducts"];
        put?: never;
        /** Add a product with its variants and prices */
        post: operations["postProducts"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/products/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a product */
        get: operations["getProductsId"];
        /**
         * Replace a product
         * @description Variants and prices that are not given are gone afterwards. With If-Match only if nobody changed it meanwhile.
         */
        put: operations["putProductsId"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/categories": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List categories */
        get: operations["getCategories"];
        put?: never;
        /** Add a category */
        post: operations["postCategories"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/locations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List locations */
        get: operations["getLocations"];
        put?: never;
        /** Add a location */
        post: operations["postLocations"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/stock": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List stock levels by SKU and location */
        get: operations["getStock"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/stock/adjustments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Change what is on hand
         * @description Never below what is reserved. With an Idempotency-Key, a repeat gets the first answer and changes nothing.
         */
        post: operations["postStockAdjustments"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/stock/movements": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List changes of what is on hand, newest first */
        get: operations["getStockMovements"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List orders */
        get: operations["getOrders"];
        put?: never;
        /** Place an order */
        post: operations["postOrders"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show an order */
        get: operations["getOrdersId"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}/timeline": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** An order's events, oldest first */
        get: operations["getOrdersIdTimeline"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Cancel an order */
        post: operations["postOrdersIdCancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}/choice": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make the customer's choice */
        post: operations["postOrdersIdChoice"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}/amend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Not supported yet */
        post: operations["postOrdersIdAmend"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}/hold": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Not supported yet */
        post: operations["postOrdersIdHold"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}/release": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Not supported yet */
        post: operations["postOrdersIdRelease"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}/diagnosis": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Not supported yet */
        get: operations["getOrdersIdDiagnosis"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{id}/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Follow an order's events (server-sent events) */
        get: operations["getOrdersIdStream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List tasks, newest first */
        get: operations["getTasks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a task */
        get: operations["getTasksId"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/decision": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Decide a task */
        post: operations["postTasksIdDecision"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/reconciliations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Compare the books of all services, Temporal and the payment provider */
        post: operations["postReconciliations"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List payments, newest first */
        get: operations["getPayments"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payments/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a payment */
        get: operations["getPaymentsId"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/fraud/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show the fraud settings */
        get: operations["getFraudSettings"];
        /**
         * Replace the fraud settings
         * @description They hold from the next step on. With If-Match, only what was read is replaced.
         */
        put: operations["putFraudSettings"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/shipments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List shipments, newest first */
        get: operations["getShipments"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/shipments/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a shipment */
        get: operations["getShipmentsId"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/shipments/{id}/carrier-events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Report what the carrier says
         * @description In any order and as often as it comes: a step forward implies the steps between, a step back changes nothing.
         */
        post: operations["postShipmentsIdCarrierEvents"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Address: {
            name: string;
            line1: string;
            line2?: string;
            postalCode: string;
            city: string;
            region?: string;
            /**
             * @description ISO 3166-1 alpha-2
             * @example DE
             */
            country: string;
        };
        CarrierEvent: {
            /** @description The carrier's own id of this report: a repeat changes nothing */
            eventId: string;
            /** @enum {string} */
            status: "booked" | "dispatched" | "delayed" | "lost" | "delivered" | "returned";
            /**
             * Format: date-time
             * @example 2026-01-31T09:30:00.000Z
             */
            occurredAt?: string;
        };
        Category: {
            /** @example cat_01k0000000000000000000000e */
            id: string;
            name: string;
        };
        FieldError: {
            /** @example lines[0].quantity */
            field: string;
            message: string;
        };
        FraudSettings: {
            limitPerCustomer: components["schemas"]["Money"] | null;
            reviewAbove: components["schemas"]["Money"] | null;
            /** @description While true, orders wait before every payment step; none fails */
            maintenance: boolean;
        };
        Fulfillment: {
            id: string;
            /** @enum {string} */
            status: "unavailable" | "pending" | "processing" | "completed" | "cancelled" | "failed";
            locationId: string | null;
            lines: {
                lineId: string;
                quantity: number;
            }[];
            shipmentId?: string;
            pickupId?: string;
        };
        Location: {
            /** @example loc_north */
            id: string;
            name: string;
            /**
             * @description ISO 3166-1 alpha-2
             * @example DE
             */
            country: string;
            postalCode: string;
            /** @description Of locations equally near, the lower one sends */
            priority: number;
        };
        Money: {
            /** @description In minor units, such as cents */
            amount: number;
            /**
             * @description ISO 4217
             * @example EUR
             */
            currency: string;
        };
        NewCategory: {
            name: string;
        };
        NewLocation: {
            /** @example loc_north */
            id?: string;
            name: string;
            /**
             * @description ISO 3166-1 alpha-2
             * @example DE
             */
            country: string;
            postalCode: string;
            /** @description Of locations equally near, the lower one sends */
            priority?: number;
        };
        Order: {
            id: string;
            number: number;
            /** @enum {string} */
            status: "pending" | "processing" | "customerActionRequired" | "onHold" | "backordered" | "completed" | "partiallyCompleted" | "cancelled" | "timedOut" | "failed";
            paymentStatus: string;
            version: number;
            /**
             * Format: date-time
             * @example 2026-01-31T09:30:00.000Z
             */
            placedAt: string;
            customerId?: string;
            externalId?: string;
            currency: string;
            lines: components["schemas"]["OrderLine"][];
            totals: {
                /** @enum {string} */
                code: "subtotal" | "discount" | "shipping" | "tax";
                amount: components["schemas"]["SignedMoney"];
            }[];
            total: components["schemas"]["Money"];
            fulfillments: components["schemas"]["Fulfillment"][];
            waitingFor?: {
                kind: string;
                /**
                 * Format: date-time
                 * @example 2026-01-31T09:30:00.000Z
                 */
                since: string;
                /**
                 * Format: date-time
                 * @example 2026-01-31T09:30:00.000Z
                 */
                deadline?: string;
                choices?: string[];
                /** @description With the kind `step`: the one that is tried again until its owner does it */
                step?: string;
            };
            /** @description What may be asked of this order now */
            actions: string[];
        };
        OrderEvent: {
            sequence: number;
            type: string;
            /**
             * Format: date-time
             * @example 2026-01-31T09:30:00.000Z
             */
            at: string;
            actor: string;
            reason?: string;
            data: {
                [key: string]: unknown;
            };
        };
        OrderLine: {
            id: string;
            sku: string;
            name: string;
            quantity: number;
            unitPrice: components["schemas"]["Money"];
            total: components["schemas"]["Money"];
        };
        Payment: {
            /** @example pay_01k0000000000000000000000e */
            id: string;
            orderId: string;
            fulfillmentId: string;
            /**
             * @description `none`: the provider has not answered yet
             * @enum {string}
             */
            status: "none" | "requiresAction" | "authorized" | "expired" | "partiallyCaptured" | "captured" | "partiallyRefunded" | "declined" | "voided" | "refunded";
            amount: components["schemas"]["Money"];
            captured: components["schemas"]["Money"];
            refunded: components["schemas"]["Money"];
            /** @description null: called off before it was ever asked for */
            provider: string | null;
            /** @description The provider's name for it */
            reference: string | null;
            declineReason?: string;
            /**
             * Format: date-time
             * @example 2026-01-31T09:30:00.000Z
             */
            expiresAt?: string;
            /**
             * Format: date-time
             * @example 2026-01-31T09:30:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @example 2026-01-31T09:30:00.000Z
             */
            updatedAt: string;
        };
        Pickup: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            method: "pickup";
            locationId: string;
        };
        PlaceOrder: {
            /** @example cus_01k0000000000000000000000e */
            customerId?: string;
            /** @description The caller's own id of the order; unique for ever */
            externalId?: string;
            /**
             * @description ISO 4217
             * @example EUR
             */
            currency: string;
            lines: {
                sku: string;
                quantity: number;
            }[];
            delivery: components["schemas"]["Ship"] | components["schemas"]["Pickup"];
            payment: {
                /** @enum {string} */
                provider: "simulated";
                /** @example tok_approve */
                token: string;
            };
            couponCode?: string;
            expectedTotal?: components["schemas"]["Money"];
        };
        Plan: {
            orderId: string;
            command: string;
            allowed: boolean;
            /** @description Why not */
            reason?: string;
            effects: {
                /** @enum {string} */
                effect: "void" | "refund" | "release" | "recall" | "amend";
                fulfillmentId?: string;
                amount?: components["schemas"]["Money"];
            }[];
        };
        /** @description RFC 9457 */
        Problem: {
            /** @example urn:waybill:problem:invalid */
            type: string;
            title: string;
            status: number;
            /** @description What is wrong with which thing, and what to do about it */
            detail: string;
            /** @enum {string} */
            code: "invalid" | "unauthenticated" | "forbidden" | "not_found" | "conflict" | "precondition_failed" | "too_large" | "unsupported_media_type" | "unsupported" | "rate_limited" | "unavailable" | "internal";
            errors?: components["schemas"]["FieldError"][];
            requestId: string;
        };
        Product: {
            /** @example prd_01k0000000000000000000000e */
            id: string;
            name: string;
            description: string;
            categoryId: string | null;
            version: number;
            variants: components["schemas"]["Variant"][];
            /**
             * Format: date-time
             * @example 2026-01-31T09:30:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @example 2026-01-31T09:30:00.000Z
             */
            updatedAt: string;
        };
        ProductBody: {
            name: string;
            description?: string;
            /** @example cat_01k0000000000000000000000e */
            categoryId?: string | null;
            variants: components["schemas"]["VariantBody"][];
        };
        Quote: {
            /**
             * @description ISO 4217
             * @example EUR
             */
            currency: string;
            lines: components["schemas"]["QuotedLine"][];
            totals: components["schemas"]["QuoteTotal"][];
            total: components["schemas"]["Money"];
        };
        QuoteBody: {
            /**
             * @description ISO 4217
             * @example EUR
             */
            currency: string;
            lines: components["schemas"]["QuoteLine"][];
            delivery?: components["schemas"]["QuoteDelivery"];
        };
        QuoteDelivery: components["schemas"]["QuoteShipping"] | components["schemas"]["QuotePickup"];
        QuoteLine: {
            sku: string;
            quantity: number;
        };
        QuotePickup: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            method: "pickup";
        };
        QuoteShipping: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            method: "ship";
            shippingMethod: string;
            /**
             * @description ISO 3166-1 alpha-2
             * @example DE
             */
            country: string;
        };
        QuoteTotal: {
            /** @enum {string} */
            code: "subtotal" | "discount" | "shipping" | "tax";
            amount: components["schemas"]["Money"];
        };
        QuotedLine: {
            sku: string;
            name: string;
            quantity: number;
            unitPrice: components["schemas"]["Money"];
            total: components["schemas"]["Money"];
            /** @description In basis points */
            taxRate: number;
            tax: components["schemas"]["Money"];
        };
        Reconciliation: {
            /**
             * Format: date-time
             * @example 2026-01-31T09:30:00.000Z
             */
            since: string;
            checked: {
                orders: number;
                payments: number;
                reservations: number;
                shipments: number;
            };
            differences: {
                /** @enum {string} */
                about: "workflow" | "order" | "payment" | "stock" | "shipment";
                orderId?: string;
                summary: string;
                /** @enum {string} */
                action: "restarted" | "ended" | "released" | "task";
                taskId?: string;
            }[];
        };
        Ship: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            method: "ship";
            shippingMethod: string;
            address: components["schemas"]["Address"];
        };
        Shipment: {
            /** @example shp_01k0000000000000000000000e */
            id: string;
            orderId: string;
            fulfillmentId: string;
            /** @enum {string} */
            status: "pending" | "booked" | "dispatched" | "delayed" | "lost" | "delivered" | "returned" | "cancelled";
            locationId: string | null;
            shippingMethod: string | null;
            /** Address */
            address: {
                name: string;
                line1: string;
                line2?: string;
                postalCode: string;
                city: string;
                region?: string;
                country: string;
            } | null;
            lines: {
                sku: string;
                quantity: number;
            }[];
            carrier: string | null;
            carrierReference: string | null;
            version: number;
            /**
             * Format: date-time
             * @example 2026-01-31T09:30:00.000Z
             */
            bookedAt?: string;
            /**
             * Format: date-time
             * @example 2026-01-31T09:30:00.000Z
             */
            dispatchedAt?: string;
            /**
             * Format: date-time
             * @example 2026-01-31T09:30:00.000Z
             */
            deliveredAt?: string;
            /**
             * Format: date-time
             * @example 2026-01-31T09:30:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @example 2026-01-31T09:30:00.000Z
             */
            updatedAt: string;
            /** @description Carrier reports that would change something now */
            actions: ("booked" | "dispatched" | "delayed" | "lost" | "delivered" | "returned")[];
        };
        SignedMoney: {
            /** @description In minor units, such as cents */
            amount: number;
            /**
             * @description ISO 4217
             * @example EUR
             */
            currency: string;
        };
        StockAdjustment: {
            sku: string;
            /** @example loc_north */
            locationId: string;
            /** @description Units that came (+) or went (-) */
            delta: number;
            reason: string;
        };
        StockLevel: {
            sku: string;
            /** @example loc_north */
            locationId: string;
            onHand: number;
            reserved: number;
        };
        StockMovement: {
            /** @example mov_42 */
            id: string;
            sku: string;
            /** @example loc_north */
            locationId: string;
            delta: number;
            reason: string;
            orderId: string | null;
            /** @description After this movement */
            onHand: number;
            /** @description At that moment */
            reserved: number;
            /**
             * Format: date-time
             * @example 2026-01-31T09:30:00.000Z
             */
            at: string;
        };
        Task: {
            id: string;
            orderId: string;
            /** @enum {string} */
            kind: "fraudReview" | "paymentException" | "reconciliation";
            /** @enum {string} */
            status: "open" | "decided" | "closed";
            summary: string;
            choices: string[];
            /**
             * Format: date-time
             * @example 2026-01-31T09:30:00.000Z
             */
            openedAt: string;
            /**
             * Format: date-time
             * @example 2026-01-31T09:30:00.000Z
             */
            deadline?: string;
            decision?: string;
            decidedBy?: string;
            /**
             * Format: date-time
             * @example 2026-01-31T09:30:00.000Z
             */
            decidedAt?: string;
            note?: string;
        };
        Variant: {
            sku: string;
            name: string;
            prices: components["schemas"]["Money"][];
        };
        VariantBody: {
            sku: string;
            /** @description The product's name, if not given */
            name?: string;
            /** @description At most one per currency; none: not for sale */
            prices: components["schemas"]["Money"][];
        };
    };
    responses: {
        /** @description Anything that did not work */
        Problem: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    postQuotes: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["QuoteBody"];
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Quote"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    getProducts: {
        parameters: {
            query: {
                sku?: string;
                /** @example cat_01k0000000000000000000000e */
                categoryId?: string;
                limit: number;
                /** @description nextCursor of the page before */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Product"][];
                        nextCursor?: string;
                    };
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    postProducts: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProductBody"];
            };
        };
        responses: {
            /** @description Default Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Product"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    getProductsId: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example prd_01k0000000000000000000000e */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Product"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    putProductsId: {
        parameters: {
            query?: never;
            header?: {
                /** @example "1" */
                "if-match"?: string;
            };
            path: {
                /** @example prd_01k0000000000000000000000e */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProductBody"];
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Product"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    getCategories: {
        parameters: {
            query: {
                limit: number;
                /** @description nextCursor of the page before */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Category"][];
                        nextCursor?: string;
                    };
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    postCategories: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewCategory"];
            };
        };
        responses: {
            /** @description Default Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Category"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    getLocations: {
        parameters: {
            query: {
                limit: number;
                /** @description nextCursor of the page before */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Location"][];
                        nextCursor?: string;
                    };
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    postLocations: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewLocation"];
            };
        };
        responses: {
            /** @description Default Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Location"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    getStock: {
        parameters: {
            query: {
                sku?: string;
                /** @example loc_north */
                locationId?: string;
                limit: number;
                /** @description nextCursor of the page before */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["StockLevel"][];
                        nextCursor?: string;
                    };
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    postStockAdjustments: {
        parameters: {
            query?: never;
            header?: {
                "idempotency-key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["StockAdjustment"];
            };
        };
        responses: {
            /** @description Default Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StockMovement"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    getStockMovements: {
        parameters: {
            query: {
                sku?: string;
                /** @example loc_north */
                locationId?: string;
                limit: number;
                /** @description nextCursor of the page before */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["StockMovement"][];
                        nextCursor?: string;
                    };
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    getOrders: {
        parameters: {
            query: {
                limit: number;
                /** @description nextCursor of the page before */
                cursor?: string;
                status?: "pending" | "processing" | "customerActionRequired" | "onHold" | "backordered" | "completed" | "partiallyCompleted" | "cancelled" | "timedOut" | "failed";
                customerId?: string;
                /** @example 2026-01-31T09:30:00.000Z */
                placedAfter?: string;
                /** @example 2026-01-31T09:30:00.000Z */
                placedBefore?: string;
                /** @description An id, number or external id, exactly */
                q?: string;
                /** @description Newest first, or oldest first */
                sort?: "-placedAt" | "placedAt";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Order"][];
                        nextCursor?: string;
                    };
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    postOrders: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the same answer */
                "idempotency-key"?: string;
                /** @description `wait=5` holds the answer for up to 5 seconds, until the order has left `pending` */
                prefer?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PlaceOrder"];
            };
        };
        responses: {
            /** @description Default Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Order"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    getOrdersId: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example ord_01k0000000000000000000000e */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Order"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    getOrdersIdTimeline: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example ord_01k0000000000000000000000e */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["OrderEvent"][];
                        nextCursor?: string;
                    };
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    postOrdersIdCancel: {
        parameters: {
            query: {
                dryRun: boolean;
            };
            header?: {
                /** @description A repeat with the same key gets the same answer */
                "idempotency-key"?: string;
                /** @description The ETag of the order as it was read */
                "if-match"?: string;
            };
            path: {
                /** @example ord_01k0000000000000000000000e */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    reason: string;
                    lines?: unknown;
                };
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Order"] | components["schemas"]["Plan"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    postOrdersIdChoice: {
        parameters: {
            query: {
                dryRun: boolean;
            };
            header?: {
                /** @description A repeat with the same key gets the same answer */
                "idempotency-key"?: string;
                /** @description The ETag of the order as it was read */
                "if-match"?: string;
            };
            path: {
                /** @example ord_01k0000000000000000000000e */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @enum {string} */
                    choice: "amend" | "wait" | "cancel";
                };
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Order"] | components["schemas"]["Plan"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    postOrdersIdAmend: {
        parameters: {
            query: {
                dryRun: boolean;
            };
            header?: never;
            path: {
                /** @example ord_01k0000000000000000000000e */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Problem"];
        };
    };
    postOrdersIdHold: {
        parameters: {
            query: {
                dryRun: boolean;
            };
            header?: never;
            path: {
                /** @example ord_01k0000000000000000000000e */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Problem"];
        };
    };
    postOrdersIdRelease: {
        parameters: {
            query: {
                dryRun: boolean;
            };
            header?: never;
            path: {
                /** @example ord_01k0000000000000000000000e */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Problem"];
        };
    };
    getOrdersIdDiagnosis: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example ord_01k0000000000000000000000e */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Problem"];
        };
    };
    getOrdersIdStream: {
        parameters: {
            query?: never;
            header?: {
                /** @description Sequence of the last event received */
                "last-event-id"?: string;
            };
            path: {
                /** @example ord_01k0000000000000000000000e */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Problem"];
        };
    };
    getTasks: {
        parameters: {
            query: {
                limit: number;
                /** @description nextCursor of the page before */
                cursor?: string;
                status?: "open" | "decided" | "closed";
                kind?: "fraudReview" | "paymentException" | "reconciliation";
                /** @example ord_01k0000000000000000000000e */
                orderId?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Task"][];
                        nextCursor?: string;
                    };
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    getTasksId: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    postTasksIdDecision: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key gets the same answer */
                "idempotency-key"?: string;
                /** @description The ETag of the order as it was read */
                "if-match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    decision: string;
                    note?: string;
                };
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    postReconciliations: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /**
                     * Format: date-time
                     * @description The moment that this installation was put back to.
                     */
                    since: string;
                };
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Reconciliation"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    getPayments: {
        parameters: {
            query: {
                orderId?: string;
                /** @description `none`: the provider has not answered yet */
                status?: "none" | "requiresAction" | "authorized" | "expired" | "partiallyCaptured" | "captured" | "partiallyRefunded" | "declined" | "voided" | "refunded";
                limit: number;
                /** @description nextCursor of the page before */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Payment"][];
                        nextCursor?: string;
                    };
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    getPaymentsId: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Payment"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    getFraudSettings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FraudSettings"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    putFraudSettings: {
        parameters: {
            query?: never;
            header?: {
                /** @description The ETag that was read */
                "if-match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FraudSettings"];
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FraudSettings"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    getShipments: {
        parameters: {
            query: {
                orderId?: string;
                status?: "pending" | "booked" | "dispatched" | "delayed" | "lost" | "delivered" | "returned" | "cancelled";
                limit: number;
                /** @description nextCursor of the page before */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Shipment"][];
                        nextCursor?: string;
                    };
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    getShipmentsId: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Shipment"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    postShipmentsIdCarrierEvents: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CarrierEvent"];
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Shipment"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
}
