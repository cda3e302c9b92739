package templates

import "reflect"

// ShapeOfValue takes the shape from a sample: maps, lists and scalars as [Decode] or a YAML decoder makes them. Null
// and empty lists say nothing, so they offer anything. The elements of a list are taken together: a field that some of
// them lack is offered sometimes.
func ShapeOfValue(v any) *Shape { return shapeOfValue(reflect.ValueOf(v), 0) }

func shapeOfValue(v reflect.Value, depth int) *Shape {
	for hops := 0; v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer; hops++ {
		if hops > maxDepth {
			return anything()
		}
		v = v.Elem()
	}
	if !v.IsValid() || depth > maxDepth {
		return anything()
	}
	if isLeafType(v.Type()) {
		return leaf()
	}
	switch v.Kind() {
	case reflect.Map:
		return shapeOfMap(v, depth)
	case reflect.Slice, reflect.Array:
		var elem *Shape
		for i := range v.Len() {
			shape := shapeOfValue(v.Index(i), depth+1)
			if elem == nil {
				elem = shape
			} else {
				elem = union(elem, shape)
			}
		}
		if elem == nil {
			elem = anything()
		}
		return &Shape{kind: listShape, elem: elem}
	case reflect.Struct:
		shape, _ := ShapeOfType(v.Type())
		return shape
	default:
		return leaf()
	}
}

func shapeOfMap(v reflect.Value, depth int) *Shape {
	if v.Type().Key().Kind() != reflect.String {
		return anything()
	}
	shape := &Shape{kind: objectShape, fields: map[string]shapeField{}}
	for key, value := range v.Seq2() {
		shape.fields[key.String()] = shapeField{shape: shapeOfValue(value, depth+1)}
	}
	return shape
}

// union is what either of two samples may look like. Where they disagree, anything goes.
func union(a, b *Shape) *Shape {
	switch {
	case a == b:
		return a
	case a.kind != b.kind || a.rest != nil || b.rest != nil:
		return anything()
	case a.kind == listShape:
		return &Shape{kind: listShape, elem: union(a.elem, b.elem)}
	case a.kind != objectShape:
		return a
	}
	shape := &Shape{kind: objectShape, fields: map[string]shapeField{}}
	for name, field := range a.fields {
		other, ok := b.fields[name]
		if !ok {
			shape.fields[name] = shapeField{shape: field.shape, sometimes: true}
			continue
		}
		shape.fields[name] = shapeField{shape: union(field.shape, other.shape), sometimes: field.sometimes || other.sometimes}
	}
	for name, field := range b.fields {
		if _, ok := a.fields[name]; !ok {
			shape.fields[name] = shapeField{shape: field.shape, sometimes: true}
		}
	}
	return shape
}
