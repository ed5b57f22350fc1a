export function show(price, locale) {
  return new Intl.NumberFormat(locale, { style: "currency", currency: price.currency }).format(price.cents / 100);
}

export function sum(prices) {
  return { cents: prices.reduce((all, price) => all + price.cents, 0), currency: prices[0].currency };
}
