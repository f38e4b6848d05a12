// Numbers, money and days by language: CLDR's, written by python -m tools.formats.
export const FORMATS = {
 "en": {
  "day": "d MMMM y",
  "decimal": ".",
  "digits": "0123456789",
  "group": ",",
  "group_digits": 3,
  "groups_digits": 3,
  "minus": "-",
  "money": "{symbol}{number}",
  "percent": "{number}%",
  "symbols": {
   "CNY": "CN¥",
   "INR": "₹"
  }
 },
 "hi": {
  "day": "d MMMM y",
  "decimal": ".",
  "digits": "0123456789",
  "group": ",",
  "group_digits": 3,
  "groups_digits": 2,
  "minus": "-",
  "money": "{symbol}{number}",
  "percent": "{number}%",
  "symbols": {
   "CNY": "CN¥",
   "INR": "₹"
  }
 },
 "mn": {
  "day": "y ᠣᠨ MMMM ᠢᠢᠨ d",
  "decimal": ".",
  "digits": "0123456789",
  "group": ",",
  "group_digits": 3,
  "groups_digits": 3,
  "minus": "-",
  "money": "{symbol} {number}",
  "percent": "{number}%",
  "symbols": {
   "CNY": "CN¥",
   "INR": "₹",
   "MNT": "₮"
  }
 },
 "sw": {
  "day": "d MMMM y",
  "decimal": ".",
  "digits": "0123456789",
  "group": ",",
  "group_digits": 3,
  "groups_digits": 3,
  "minus": "-",
  "money": "{symbol} {number}",
  "percent": "{number}%",
  "symbols": {
   "CNY": "CN¥",
   "INR": "₹",
   "KES": "Ksh",
   "TZS": "TSh"
  }
 },
 "zh": {
  "day": "y年M月d日",
  "decimal": ".",
  "digits": "0123456789",
  "group": ",",
  "group_digits": 3,
  "groups_digits": 3,
  "minus": "-",
  "money": "{symbol}{number}",
  "percent": "{number}%",
  "symbols": {
   "CNY": "¥",
   "INR": "₹"
  }
 }
};
