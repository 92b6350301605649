/**
 * Money: an exact decimal amount and its ISO 4217 currency. Amounts are text, never floating numbers, and are added in the database;
 * nothing converts one currency into another, since no rate is known.
 */
export type Money = { readonly currency: string; readonly amount: string };

/** What an amount looks like: up to four decimals, a point before them, no separators. */
const AMOUNT = /^\d{1,12}(\.\d{1,4})?$/;
const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));
const DECIMALS_OF_MOST = 2;

export const isAmount = (text: string): boolean => AMOUNT.test(text);

export const isCurrency = (text: string): boolean => CURRENCIES.has(text);

const decimalsOf = (currency: string): number =>
  isCurrency(currency)
    ? (new Intl.NumberFormat('en-US', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ??
      DECIMALS_OF_MOST)
    : DECIMALS_OF_MOST;

/** The same amount with as many decimals as its currency has, and more only where they are not zero: `12.5` EUR is `12.50`. */
export function plainMoney({ currency, amount }: Money): Money {
  const [whole = '0', decimals = ''] = amount.split('.');
  const kept = decimals.replace(/0+$/, '').padEnd(decimalsOf(currency), '0');
  return { currency, amount: `${whole.replace(/^0+(?=\d)/, '')}${kept === '' ? '' : `.${kept}`}` };
}

/** `1,240.00 EUR`. */
export function sayMoney(money: Money): string {
  const { currency, amount } = plainMoney(money);
  const [whole = '0', decimals] = amount.split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return `${grouped}${decimals === undefined ? '' : `.${decimals}`} ${currency}`;
}
