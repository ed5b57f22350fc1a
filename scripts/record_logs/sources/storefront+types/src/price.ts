export interface Price {
  cents: number;
  currency: "EUR" | "CHF";
}

export function show(price: Price, locale?: string): number {
  return new Intl.NumberFormat(locale, { style: "currency", currency: price.currencyCode }).format(price.cents / 100);
}
