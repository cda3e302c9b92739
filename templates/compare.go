package templates

import (
	"encoding/json"
	"math/big"
	"strings"
	"time"
)

// maxDigits keeps the work of comparing and formatting numbers small.
const maxDigits = 1000

func callNot(args []any) (any, error) { return !isTrue(args[0]), nil }

// callEq reports whether the first argument equals any of the others.
func callEq(args []any) (any, error) {
	for _, other := range args[1:] {
		equal, err := isEqual("eq", args[0], other)
		if err != nil || equal {
			return equal, err
		}
	}
	return false, nil
}

func callNe(args []any) (any, error) {
	equal, err := isEqual("ne", args[0], args[1])
	return !equal, err
}

func ordering(name string, accept func(order int) bool) func(args []any) (any, error) {
	return func(args []any) (any, error) {
		order, ok := compare(args[0], args[1])
		if !ok {
			return nil, unfit("%s cannot compare %s with %s", name, typeName(args[0]), typeName(args[1]))
		}
		return accept(order), nil
	}
}

// isEqual compares scalars. Null equals null alone; a text never equals a number, and asking is a mistake that should
// not go unnoticed.
func isEqual(name string, a, b any) (bool, error) {
	if a == nil || b == nil {
		return a == nil && b == nil, nil
	}
	if x, ok := a.(bool); ok {
		if y, ok := b.(bool); ok {
			return x == y, nil
		}
	}
	order, ok := compare(a, b)
	if !ok {
		return false, unfit("%s cannot compare %s with %s", name, typeName(a), typeName(b))
	}
	return order == 0, nil
}

// compare orders two canonical scalars of one sort.
func compare(a, b any) (int, bool) {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return strings.Compare(x, y), true
		}
	case time.Time:
		if y, ok := b.(time.Time); ok {
			return x.Compare(y), true
		}
	case int64, json.Number:
		m, ok := numberOf(a)
		n, fits := numberOf(b)
		if ok && fits {
			return m.Cmp(n), true
		}
	}
	return 0, false
}

// numberOf reads a canonical number. The precision is far beyond that of a float64, and bounded, unlike that of
// big.Rat, for which 1e999999999 is a very long number.
func numberOf(v any) (*big.Float, bool) {
	switch v := v.(type) {
	case int64:
		return new(big.Float).SetPrec(512).SetInt64(v), true
	case json.Number:
		if len(v) > maxDigits {
			return nil, false
		}
		f, _, err := big.ParseFloat(string(v), 10, 512, big.ToNearestEven)
		return f, err == nil
	}
	return nil, false
}

// isZero reports whether a value is the number zero, in whatever way it is written.
func isZero(v any) bool {
	f, ok := numberOf(v)
	return ok && f.Sign() == 0
}

// isTrue is what if takes for true, for a canonical value: not null, false, zero or empty.
func isTrue(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case int64, json.Number:
		return !isZero(v)
	case time.Time:
		return true
	}
	return sizeOf(v) > 0
}
