export interface Price {
  cents: number;
  currency: "EUR" | "CHF";
}

export function show(price: Price, locale: string): string {
  return new Intl.NumberFormat(locale, { style: "currency", currency: price.currency }).format(price.cents / 100);
}
