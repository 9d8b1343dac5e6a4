package hclfile

import "github.com/zclconf/go-cty/cty"

// uniform returns a tuple whose elements are all of one type as a list, and an
// object of that kind as a map; everything else as it is. Comprehensions make
// tuples and objects, and to find their common type, cty compares each element
// type with each other one, which takes minutes for a large fleet.
func uniform(v cty.Value) cty.Value {
	t := v.Type()
	if v.IsMarked() || !v.IsKnown() || v.IsNull() || !t.IsTupleType() && !t.IsObjectType() || v.LengthInt() == 0 {
		return v
	}
	var element cty.Type
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		if element == cty.NilType {
			element = e.Type()
		}
		if e.Type().HasDynamicTypes() || !e.Type().Equals(element) {
			return v
		}
	}
	if t.IsTupleType() {
		return cty.ListVal(v.AsValueSlice())
	}
	return cty.MapVal(v.AsValueMap())
}
