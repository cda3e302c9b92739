package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

var durationType = reflect.TypeFor[time.Duration]()

// isScalar says whether a type is written as a single value.
func isScalar(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	default:
		return isText(t)
	}
}

// scalarWords says what a type is, for problems.
func scalarWords(t reflect.Type) string {
	switch {
	case t == durationType:
		return "a duration such as 90s, 5m or 7d"
	case t.Kind() == reflect.String || isText(t):
		return "text"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
		return "a number"
	default:
		return "a whole number"
	}
}

var errOtherKind = errors.New("not of this kind")

// scalar fills one value. Text takes whatever is written there, without guessing what YAML could make of it; other
// types take unquoted values of their kind, and whatever the environment holds.
func (d *decoder) scalar(n *node, into reflect.Value, s spot) {
	if into.Type() == secretType {
		d.hide(n.text)
		for _, value := range n.variables {
			d.hide(value)
		}
	}
	var err error
	switch t := into.Type(); {
	case isText(t):
		err = into.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.text))
	case t == durationType:
		var value time.Duration
		value, err = parseDuration(n.text)
		into.SetInt(int64(value))
	case t.Kind() == reflect.String:
		into.SetString(n.text)
	default:
		err = setNumber(n, into)
	}
	if err != nil {
		d.problem(n.at, s, "must be %s%s", scalarWords(into.Type()), d.not(n))
	}
}

// not repeats a wrong value, if it is certain to be no credential.
func (d *decoder) not(n *node) string {
	switch {
	case n.variable != "":
		return fmt.Sprintf(" (it comes from ${%s})", n.variable)
	case d.private:
		return ""
	}
	text := []rune(n.text)
	if len(text) > 40 {
		text = append(text[:40], '…')
	}
	return fmt.Sprintf(", not %q", string(text))
}

// setNumber sets numbers and booleans. A quoted number is text, unless it came from the environment, where a flow
// mapping demands the quotes.
func setNumber(n *node, into reflect.Value) error {
	_, text := n.value.(string)
	if text && n.variable == "" {
		return errOtherKind
	}
	switch into.Kind() {
	case reflect.Bool:
		value, err := strconv.ParseBool(n.text)
		if _, is := n.value.(bool); err != nil || !is && !text {
			return errOtherKind
		}
		into.SetBool(value)
	case reflect.Float32, reflect.Float64:
		value, err := strconv.ParseFloat(strings.ReplaceAll(n.text, "_", ""), into.Type().Bits())
		if err != nil {
			return err
		}
		into.SetFloat(value)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		value, err := strconv.ParseUint(n.text, 0, into.Type().Bits())
		if err != nil {
			return err
		}
		into.SetUint(value)
	default:
		value, err := strconv.ParseInt(n.text, 0, into.Type().Bits())
		if err != nil {
			return err
		}
		into.SetInt(value)
	}
	return nil
}

// maxDays is the most whole days that a time.Duration holds.
const maxDays = 106_751

// parseDuration reads Go's durations, with days in front if wanted.
func parseDuration(text string) (time.Duration, error) {
	days, rest, ok := strings.Cut(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseUint(days, 10, 32)
	if err != nil || n > maxDays {
		return 0, errOtherKind
	}
	total := time.Duration(n) * 24 * time.Hour
	if rest == "" {
		return total, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || more < 0 || total+more < total {
		return 0, errOtherKind
	}
	return total + more, nil
}
