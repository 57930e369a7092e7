// A second version of the workflow code: it waits a moment before it begins, which no order of the first version did.
import { order as first } from '@waybill/orders/workflows';

export async function order(input: Parameters<typeof first>[0]): ReturnType<typeof first> {
  await new Promise((resolve) => setTimeout(resolve, 1)); // a timer of Temporal's, in workflow code
  return first(input);
}
