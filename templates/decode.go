package templates

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

const maxDepth = 32

// Decode reads a payload into what [Template.Execute] wants. Whole numbers become int64 where they fit; other
// numbers stay json.Number, so that a template prints 12.50 as it was written and not as 12.5.
//
// It returns an error for anything but one JSON object, for more than 32 levels of nesting and for numbers of more
// than 1000 characters. The error contains nothing of the payload.
func Decode(payload []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, fmt.Errorf("decode payload: invalid JSON at byte %d", syntax.Offset)
		}
		return nil, errors.New("decode payload: the JSON is incomplete")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("decode payload: more follows after the JSON object")
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("decode payload: it is no JSON object")
	}
	if _, err := settle(object, 1); err != nil {
		return nil, fmt.Errorf("decode payload: %w", err)
	}
	return object, nil
}

// settle turns numbers into int64 in place, where they fit.
func settle(value any, depth int) (any, error) {
	if depth > maxDepth {
		switch value.(type) {
		case map[string]any, []any:
			return nil, fmt.Errorf("it is nested more than %d deep", maxDepth)
		}
	}
	var err error
	switch v := value.(type) {
	case map[string]any:
		for key, element := range v {
			if v[key], err = settle(element, depth+1); err != nil {
				return nil, err
			}
		}
	case []any:
		for i, element := range v {
			if v[i], err = settle(element, depth+1); err != nil {
				return nil, err
			}
		}
	case json.Number:
		if len(v) > maxDigits {
			return nil, fmt.Errorf("a number has more than %d characters", maxDigits)
		}
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return n, nil
		}
	}
	return value, nil
}
