package hclfile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	ctyyaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	"github.com/zclconf/go-cty/cty/gocty"

	"github.com/sshform/sshform/schema"
)

// functions returns the functions of the language by name. dir is the
// configuration directory, the only place that file and fileexists can see.
//
// Names and meaning are Terraform's, except for where, group_by and seconds.
// go-cty's own library is used where its meaning is the same; testdata holds
// Terraform's answers. Marks (sensitive) pass from arguments to results, and
// no error quotes a marked argument.
func functions(dir string) map[string]function.Function {
	table := map[string]function.Function{
		"abs":      stdlib.AbsoluteFunc,
		"ceil":     stdlib.CeilFunc,
		"floor":    stdlib.FloorFunc,
		"max":      stdlib.MaxFunc,
		"min":      stdlib.MinFunc,
		"parseint": stdlib.ParseIntFunc,
		"sum":      sumFunction(),

		"chomp":      stdlib.ChompFunc,
		"endswith":   affixFunction(strings.HasSuffix),
		"format":     stdlib.FormatFunc,
		"formatlist": stdlib.FormatListFunc,
		"indent":     stdlib.IndentFunc,
		"join":       stdlib.JoinFunc,
		"lower":      stdlib.LowerFunc,
		"regex":      stdlib.RegexFunc,
		"regexall":   stdlib.RegexAllFunc,
		"replace":    replaceFunction(),
		"split":      stdlib.SplitFunc,
		"startswith": affixFunction(strings.HasPrefix),
		"strrev":     stdlib.ReverseFunc,
		"substr":     stdlib.SubstrFunc,
		"title":      stdlib.TitleFunc,
		"trim":       stdlib.TrimFunc,
		"trimprefix": stdlib.TrimPrefixFunc,
		"trimspace":  stdlib.TrimSpaceFunc,
		"trimsuffix": stdlib.TrimSuffixFunc,
		"upper":      stdlib.UpperFunc,

		"alltrue":         truthFunction(true),
		"anytrue":         truthFunction(false),
		"chunklist":       stdlib.ChunklistFunc,
		"coalesce":        coalesceFunction(),
		"compact":         stdlib.CompactFunc,
		"concat":          stdlib.ConcatFunc,
		"contains":        containsFunction(),
		"distinct":        stdlib.DistinctFunc,
		"element":         stdlib.ElementFunc,
		"flatten":         stdlib.FlattenFunc,
		"index":           indexFunction(),
		"keys":            stdlib.KeysFunc,
		"length":          lengthFunction(),
		"lookup":          lookupFunction(),
		"merge":           stdlib.MergeFunc,
		"one":             oneFunction(),
		"range":           stdlib.RangeFunc,
		"reverse":         stdlib.ReverseListFunc,
		"setintersection": stdlib.SetIntersectionFunc,
		"setproduct":      stdlib.SetProductFunc,
		"setsubtract":     stdlib.SetSubtractFunc,
		"setunion":        stdlib.SetUnionFunc,
		"slice":           stdlib.SliceFunc,
		"sort":            stdlib.SortFunc,
		"values":          stdlib.ValuesFunc,
		"zipmap":          stdlib.ZipmapFunc,

		"tobool":   toFunction(cty.Bool),
		"tolist":   toFunction(cty.List(cty.DynamicPseudoType)),
		"tomap":    toFunction(cty.Map(cty.DynamicPseudoType)),
		"tonumber": toFunction(cty.Number),
		"toset":    toFunction(cty.Set(cty.DynamicPseudoType)),
		"tostring": toFunction(cty.String),

		"csvdecode":  stdlib.CSVDecodeFunc,
		"jsondecode": stdlib.JSONDecodeFunc,
		"jsonencode": stdlib.JSONEncodeFunc,
		"yamldecode": ctyyaml.YAMLDecodeFunc,

		"seconds":    secondsFunction(),
		"file":       fileFunction(dir),
		"fileexists": fileExistsFunction(dir),
	}
	for name, f := range table {
		table[name] = discreet(f)
	}
	// These get expressions instead of values and cannot be wrapped. What can
	// and try repeat of errors comes from the functions above.
	table["can"] = tryfunc.CanFunc
	table["try"] = tryfunc.TryFunc
	table["where"] = whereFunction()
	table["group_by"] = groupByFunction()
	return table
}

// discreet returns f with errors that keep quiet about marked arguments.
// Most functions quote what they were given when they refuse it.
func discreet(f function.Function) function.Function {
	open := func(p function.Parameter) function.Parameter {
		p.AllowNull, p.AllowUnknown, p.AllowDynamicType, p.AllowMarked = true, true, true, true
		return p
	}
	spec := &function.Spec{
		Description: f.Description(),
		Type: func(args []cty.Value) (cty.Type, error) {
			t, err := f.ReturnTypeForValues(args)
			return t, quietly(err, args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := f.Call(args)
			return v, quietly(err, args)
		},
	}
	for _, p := range f.Params() {
		spec.Params = append(spec.Params, open(p))
	}
	if p := f.VarParam(); p != nil {
		open := open(*p)
		spec.VarParam = &open
	}
	return function.New(spec)
}

func quietly(err error, args []cty.Value) error {
	if err == nil || !slices.ContainsFunc(args, cty.Value.ContainsMarked) {
		return err
	}
	return quiet(err)
}

// quiet takes the text out of an error, but not which argument it concerns.
func quiet(err error) error {
	quiet := fmt.Errorf("the reason is not shown, because an argument is sensitive")
	if arg, ok := err.(function.ArgError); ok {
		return function.NewArgError(arg.Index, quiet)
	}
	return quiet
}

// toFunction is tostring and its like. go-cty's own marks the whole result
// when any part of the argument is marked; this one keeps marks in their place.
func toFunction(want cty.Type) function.Function {
	plain := stdlib.MakeToFunc(want)
	return function.New(&function.Spec{
		Params: []function.Parameter{{
			Name: "value", Type: cty.DynamicPseudoType,
			AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true,
		}},
		Type: func(args []cty.Value) (cty.Type, error) {
			return plain.ReturnTypeForValues([]cty.Value{uniform(args[0])})
		},
		Impl: func(args []cty.Value, want cty.Type) (cty.Value, error) {
			if v, err := convert.Convert(uniform(args[0]), want); err == nil {
				return v, nil
			}
			return plain.Call(args) // says what is wrong in words for this
		},
	})
}

// affixFunction is startswith or endswith.
func affixFunction(has func(s, affix string) bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{
			{Name: "str", Type: cty.String},
			{Name: "affix", Type: cty.String},
		},
		Type: function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(has(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

// replaceFunction is replace: literal, or by a regular expression where the
// second argument stands between slashes.
func replaceFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{
			{Name: "str", Type: cty.String},
			{Name: "substr", Type: cty.String},
			{Name: "replace", Type: cty.String},
		},
		Type: function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			text, old, replacement := args[0].AsString(), args[1].AsString(), args[2].AsString()
			if len(old) < 2 || old[0] != '/' || old[len(old)-1] != '/' {
				return cty.StringVal(strings.ReplaceAll(text, old, replacement)), nil
			}
			pattern, err := regexp.Compile(old[1 : len(old)-1])
			if err != nil {
				return cty.NilVal, function.NewArgError(1, err)
			}
			return cty.StringVal(pattern.ReplaceAllString(text, replacement)), nil
		},
	})
}

// elements lists what a list, a set or a tuple holds.
func elements(v cty.Value, arg int) ([]cty.Value, error) {
	t := v.Type()
	if !t.IsListType() && !t.IsSetType() && !t.IsTupleType() {
		return nil, function.NewArgErrorf(arg, "must be a list, a set or a tuple, not %s", t.FriendlyName())
	}
	return v.AsValueSlice(), nil
}

// sumFunction is sum: the numbers of a list, a set or a tuple, at least one.
func sumFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			items, err := elements(args[0], 0)
			if err != nil {
				return cty.NilVal, err
			}
			if len(items) == 0 {
				return cty.NilVal, function.NewArgErrorf(0, "cannot add up nothing; the list is empty")
			}
			total := cty.Zero
			for _, item := range items {
				number, err := convert.Convert(item, cty.Number)
				if err != nil {
					return cty.NilVal, function.NewArgErrorf(0, "every item must be a number")
				}
				if number.IsNull() {
					return cty.NilVal, function.NewArgErrorf(0, "no item may be null")
				}
				total = total.Add(number)
			}
			return total, nil
		},
	})
}

// truthFunction is alltrue (all = true) or anytrue. Null is false; an unknown
// item leaves the answer open unless another one decides it.
func truthFunction(all bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.List(cty.Bool)}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			open := false
			for _, item := range args[0].AsValueSlice() {
				switch {
				case !item.IsKnown():
					open = true
				case (!item.IsNull() && item.True()) != all:
					return cty.BoolVal(!all), nil
				}
			}
			if open {
				return cty.UnknownVal(cty.Bool), nil
			}
			return cty.BoolVal(all), nil
		},
	})
}

// coalesceFunction is coalesce: the first argument that is neither null nor an
// empty string.
func coalesceFunction() function.Function {
	return function.New(&function.Spec{
		VarParam: &function.Parameter{
			Name: "vals", Type: cty.DynamicPseudoType,
			AllowNull: true, AllowUnknown: true, AllowDynamicType: true,
		},
		Type: func(args []cty.Value) (cty.Type, error) {
			if len(args) == 0 {
				return cty.NilType, fmt.Errorf("at least one argument is required")
			}
			types := make([]cty.Type, len(args))
			for i, arg := range args {
				types[i] = arg.Type()
			}
			common, _ := convert.UnifyUnsafe(types)
			if common == cty.NilType {
				return cty.NilType, fmt.Errorf("all arguments must have the same type")
			}
			return common, nil
		},
		Impl: func(args []cty.Value, want cty.Type) (cty.Value, error) {
			for _, arg := range args {
				v, err := convert.Convert(arg, want)
				switch {
				case err != nil:
					return cty.NilVal, err
				case !v.IsKnown():
					return cty.UnknownVal(want), nil
				case v.IsNull(), v.Type() == cty.String && v.AsString() == "":
					continue
				}
				return v, nil
			}
			return cty.NilVal, fmt.Errorf("every argument is null or an empty string")
		},
	})
}

// containsFunction is contains. Null is refused, as in Terraform; go-cty takes
// it, and answers a plain null with something unknown.
func containsFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{
			{Name: "list", Type: cty.DynamicPseudoType},
			{Name: "value", Type: cty.DynamicPseudoType},
		},
		Type: function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return stdlib.Contains(args[0], args[1])
		},
	})
}

// indexFunction is index: where in a list or a tuple a value stands first.
func indexFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{
			{Name: "list", Type: cty.DynamicPseudoType},
			{Name: "value", Type: cty.DynamicPseudoType},
		},
		Type: function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if t := args[0].Type(); !t.IsListType() && !t.IsTupleType() {
				return cty.NilVal, function.NewArgErrorf(0, "must be a list or a tuple, not %s", t.FriendlyName())
			}
			for i, item := range args[0].AsValueSlice() {
				equal, err := stdlib.Equal(item, args[1])
				if err != nil {
					return cty.NilVal, err
				}
				if !equal.IsKnown() {
					return cty.UnknownVal(cty.Number), nil
				}
				if equal.True() {
					return cty.NumberIntVal(int64(i)), nil
				}
			}
			return cty.NilVal, function.NewArgErrorf(1, "is not in the list")
		},
	})
}

// lengthFunction is length: of a string in characters as people count them, of
// anything else in items.
func lengthFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{
			Name: "value", Type: cty.DynamicPseudoType,
			AllowUnknown: true, AllowDynamicType: true, AllowMarked: true,
		}},
		Type: func(args []cty.Value) (cty.Type, error) {
			t := args[0].Type()
			if t == cty.DynamicPseudoType || t == cty.String || t.IsCollectionType() || t.IsTupleType() || t.IsObjectType() {
				return cty.Number, nil
			}
			return cty.NilType, function.NewArgErrorf(0, "must be a string, a list, a set, a map, a tuple or an object, not %s", t.FriendlyName())
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			// Only the marks of the whole say something about its length.
			v, marks := args[0].Unmark()
			switch t := v.Type(); {
			case t.IsTupleType():
				return cty.NumberIntVal(int64(len(t.TupleElementTypes()))).WithMarks(marks), nil
			case t.IsObjectType():
				return cty.NumberIntVal(int64(len(t.AttributeTypes()))).WithMarks(marks), nil
			case !v.IsKnown():
				return cty.UnknownVal(cty.Number).RefineNotNull().WithMarks(marks), nil
			case t == cty.String:
				n, err := stdlib.Strlen(v)
				return n.WithMarks(marks), err
			}
			return v.Length().WithMarks(marks), nil
		},
	})
}

// lookupFunction is lookup: a member by its name, or the default.
func lookupFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{
			{Name: "map", Type: cty.DynamicPseudoType, AllowMarked: true},
			{Name: "key", Type: cty.String, AllowMarked: true},
		},
		VarParam: &function.Parameter{
			Name: "default", Type: cty.DynamicPseudoType,
			AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true,
		},
		Type: lookupType,
		Impl: func(args []cty.Value, want cty.Type) (cty.Value, error) {
			from, marks := args[0].Unmark()
			key, keyMarks := args[1].Unmark()
			found, err := lookup(from, key, args[2:], want)
			return found.WithMarks(marks, keyMarks), err
		},
	})
}

func lookupType(args []cty.Value) (cty.Type, error) {
	if len(args) > 3 {
		return cty.NilType, fmt.Errorf("lookup takes two or three arguments, not %d", len(args))
	}
	from, _ := args[0].Unmark()
	key, _ := args[1].Unmark()
	t := from.Type()
	switch {
	case t.IsMapType():
		if len(args) == 3 {
			if _, err := convert.Convert(args[2], t.ElementType()); err != nil {
				return cty.NilType, function.NewArgErrorf(2, "must be of the type of the map's values, %s", t.ElementType().FriendlyName())
			}
		}
		return t.ElementType(), nil
	case !t.IsObjectType():
		return cty.NilType, function.NewArgErrorf(0, "must be a map or an object, not %s", t.FriendlyName())
	case !key.IsKnown():
		return cty.DynamicPseudoType, nil
	case t.HasAttribute(key.AsString()):
		return t.AttributeType(key.AsString()), nil
	case len(args) == 3:
		return args[2].Type(), nil
	}
	return cty.NilType, function.NewArgErrorf(1, "the object has no attribute %q, and there is no default", key.AsString())
}

func lookup(from, key cty.Value, fallback []cty.Value, want cty.Type) (cty.Value, error) {
	name := key.AsString()
	switch {
	case from.Type().IsObjectType() && from.Type().HasAttribute(name):
		return from.GetAttr(name), nil
	case from.Type().IsMapType() && from.HasIndex(key).True():
		return from.Index(key), nil
	case len(fallback) == 1:
		return convert.Convert(fallback[0], want)
	}
	return cty.UnknownVal(want), function.NewArgErrorf(1, "the map has no element %q, and there is no default", name)
}

// oneFunction is one: the only item, or null if there is none.
func oneFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
		Type: func(args []cty.Value) (cty.Type, error) {
			t := args[0].Type()
			switch {
			case t.IsListType(), t.IsSetType():
				return t.ElementType(), nil
			case t.IsTupleType() && len(t.TupleElementTypes()) == 0:
				return cty.DynamicPseudoType, nil
			case t.IsTupleType() && len(t.TupleElementTypes()) == 1:
				return t.TupleElementTypes()[0], nil
			case t.IsTupleType():
				return cty.NilType, function.NewArgErrorf(0, "must hold one item or none, not %d", len(t.TupleElementTypes()))
			}
			return cty.NilType, function.NewArgErrorf(0, "must be a list, a set or a tuple, not %s", t.FriendlyName())
		},
		Impl: func(args []cty.Value, want cty.Type) (cty.Value, error) {
			items := args[0].AsValueSlice()
			switch len(items) {
			case 0:
				return cty.NullVal(want), nil
			case 1:
				return items[0], nil
			}
			return cty.NilVal, function.NewArgErrorf(0, "must hold one item or none, not %d", len(items))
		},
	})
}

// secondsFunction is seconds: OpenSSH's time form as a number.
func secondsFunction() function.Function {
	return function.New(&function.Spec{
		Description: "seconds reads OpenSSH's time form, 1h30m, and returns the seconds.",
		Params:      []function.Parameter{{Name: "time", Type: cty.String}},
		Type:        function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			n, err := schema.ParseSeconds(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return gocty.ToCtyValue(n, cty.Number)
		},
	})
}
