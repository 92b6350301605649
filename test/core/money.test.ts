/** Amounts as text: never bent, whatever their length, and said with the decimals of their currency. */
import { describe, expect, it } from 'vitest';
import { isAmount, isCurrency, plainMoney, sayMoney } from '#core/money.ts';

describe('amounts', () => {
  it('are plain decimals with four digits after the point at most', () => {
    for (const text of ['0', '12', '12.5', '12.3456', '999999999999.9999']) expect(isAmount(text)).toBe(true);
    for (const text of ['', '-1', '12,50', '1.234,50', '1e3', '12.34567', '.5', '12.', '1234567890123'])
      expect(isAmount(text)).toBe(false);
  });
  it('have the decimals of their currency, and more only where they say something', () => {
    expect(plainMoney({ amount: '12.5000', currency: 'EUR' }).amount).toBe('12.50');
    expect(plainMoney({ amount: '12.3456', currency: 'EUR' }).amount).toBe('12.3456');
    expect(plainMoney({ amount: '1000.0000', currency: 'JPY' }).amount).toBe('1000');
    expect(plainMoney({ amount: '0012', currency: 'KWD' }).amount).toBe('12.000');
  });
  it('are said exactly, however large', () => {
    expect(sayMoney({ amount: '1240', currency: 'EUR' })).toBe('1,240.00 EUR');
    expect(sayMoney({ amount: '123456789012345678.01', currency: 'USD' })).toBe('123,456,789,012,345,678.01 USD');
    expect(sayMoney({ amount: '950', currency: 'JPY' })).toBe('950 JPY');
  });
});

describe('currencies', () => {
  it('are those of ISO 4217', () => {
    for (const code of ['EUR', 'USD', 'JPY', 'GBP']) expect(isCurrency(code)).toBe(true);
    for (const code of ['eur', 'EURO', '€', 'XYZ', '']) expect(isCurrency(code)).toBe(false);
  });
});
