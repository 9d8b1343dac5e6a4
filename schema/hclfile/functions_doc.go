package hclfile

// A FunctionDoc is what a reference says about a function.
type FunctionDoc struct {
	Name string
	// Signature is how it is called: optional parameters stand in brackets,
	// and "..." follows one that may be repeated.
	Signature string
	// Sentence says what it returns.
	Sentence string
	// Ours is a function that Terraform does not have, or has with another
	// meaning.
	Ours bool
}

// FunctionDocs lists all functions of the language, sorted by name.
func FunctionDocs() []FunctionDoc {
	const terraforms, ours = false, true
	return []FunctionDoc{
		{"abs", "abs(number)", "Returns the number without its sign.", terraforms},
		{"alltrue", "alltrue(list)", "Returns true if every item is true, also for an empty list; null is false.", terraforms},
		{"anytrue", "anytrue(list)", "Returns true if an item is true; null is false.", terraforms},
		{"can", "can(expression)", "Returns true if the expression can be evaluated without an error.", terraforms},
		{"ceil", "ceil(number)", "Returns the smallest whole number that is not less.", terraforms},
		{"chomp", "chomp(string)", "Takes line ends away from the end of the string.", terraforms},
		{"chunklist", "chunklist(list, size)", "Cuts the list into lists of at most size items.", terraforms},
		{"coalesce", "coalesce(value...)", "Returns the first argument that is neither null nor an empty string.", terraforms},
		{"compact", "compact(list)", "Returns the list of strings without those that are null or empty.", terraforms},
		{"concat", "concat(list...)", "Joins lists into one.", terraforms},
		{"contains", "contains(list, value)", "Returns true if the list, set or tuple holds the value.", terraforms},
		{"csvdecode", "csvdecode(string)", "Reads CSV whose first line names the columns, and returns a list of objects.", terraforms},
		{"distinct", "distinct(list)", "Returns the list with only the first of equal items.", terraforms},
		{"element", "element(list, index)", "Returns one item; an index past the end starts over.", terraforms},
		{"endswith", "endswith(string, suffix)", "Returns true if the string ends with the suffix.", terraforms},
		{"file", "file(path)", "Returns the text of a file; the path is relative to the configuration directory and cannot leave it.", ours},
		{"fileexists", "fileexists(path)", "Returns true if there is such a file in the configuration directory.", ours},
		{"flatten", "flatten(list)", "Replaces every list in a list by its items.", terraforms},
		{"floor", "floor(number)", "Returns the greatest whole number that is not more.", terraforms},
		{"format", "format(format, value...)", "Writes values in the way that the format says: %s, %d, %q and so on.", terraforms},
		{"formatlist", "formatlist(format, list...)", "Writes one string for each item, in the way that the format says.", terraforms},
		{"group_by", "group_by(hosts, variable)", "Returns hosts in groups by the value of a variable or attribute; those without it stand under the empty string, those with a list in several groups.", ours},
		{"indent", "indent(spaces, string)", "Puts spaces at the beginning of all lines but the first.", terraforms},
		{"index", "index(list, value)", "Returns where in the list the value stands first, from 0.", terraforms},
		{"join", "join(separator, list...)", "Joins strings, with the separator in between.", terraforms},
		{"jsondecode", "jsondecode(string)", "Returns the value that the JSON text stands for.", terraforms},
		{"jsonencode", "jsonencode(value)", "Returns the value as JSON in one line.", terraforms},
		{"keys", "keys(map)", "Returns the keys of a map or object, sorted.", terraforms},
		{"length", "length(value)", "Returns the number of items, or of characters of a string.", terraforms},
		{"lookup", "lookup(map, key, [default])", "Returns the element of that key, or else the default.", terraforms},
		{"lower", "lower(string)", "Returns the string in lower case.", terraforms},
		{"max", "max(number...)", "Returns the greatest number.", terraforms},
		{"merge", "merge(map...)", "Joins maps or objects; the last one with a key decides.", terraforms},
		{"min", "min(number...)", "Returns the smallest number.", terraforms},
		{"one", "one(list)", "Returns the only item, or null if there is none; more are an error.", terraforms},
		{"parseint", "parseint(string, base)", "Reads a whole number in a base from 2 to 62.", terraforms},
		{"range", "range([start], limit, [step])", "Returns numbers from start (0) up to but without the limit, at most 1,024.", terraforms},
		{"regex", "regex(pattern, string)", "Returns the first match of the pattern, or its groups; no match is an error.", terraforms},
		{"regexall", "regexall(pattern, string)", "Returns all matches of the pattern.", terraforms},
		{"replace", "replace(string, old, new)", "Replaces each old by new; an old between slashes is a pattern, whose groups are $1 and so on.", terraforms},
		{"reverse", "reverse(list)", "Returns the list in the opposite order.", terraforms},
		{"seconds", "seconds(time)", "Reads OpenSSH's time form, such as 1h30m, and returns the seconds.", ours},
		{"setintersection", "setintersection(set, other...)", "Returns what is in all the sets.", terraforms},
		{"setproduct", "setproduct(set...)", "Returns all combinations of an item of each set.", terraforms},
		{"setsubtract", "setsubtract(set, other)", "Returns what is in the set but not in the other.", terraforms},
		{"setunion", "setunion(set, other...)", "Returns what is in any of the sets.", terraforms},
		{"slice", "slice(list, start, end)", "Returns the items from start up to but without end.", terraforms},
		{"sort", "sort(list)", "Returns the list of strings, sorted by their characters' numbers.", terraforms},
		{"split", "split(separator, string)", "Cuts the string at every separator.", terraforms},
		{"startswith", "startswith(string, prefix)", "Returns true if the string begins with the prefix.", terraforms},
		{"strrev", "strrev(string)", "Returns the characters in the opposite order.", terraforms},
		{"substr", "substr(string, offset, length)", "Returns a part of the string; a negative offset counts from the end, the length -1 is the rest.", terraforms},
		{"sum", "sum(list)", "Adds the numbers up; there must be one at least.", terraforms},
		{"title", "title(string)", "Returns the string with the first letter of each word in upper case.", terraforms},
		{"tobool", "tobool(value)", "Turns \"true\" and \"false\" into booleans.", terraforms},
		{"tolist", "tolist(value)", "Turns a set or a tuple into a list.", terraforms},
		{"tomap", "tomap(value)", "Turns an object into a map.", terraforms},
		{"tonumber", "tonumber(value)", "Turns a decimal text into a number.", terraforms},
		{"toset", "toset(value)", "Turns a list or a tuple into a set.", terraforms},
		{"tostring", "tostring(value)", "Turns a number or a boolean into a string.", terraforms},
		{"trim", "trim(string, characters)", "Takes these characters away from both ends.", terraforms},
		{"trimprefix", "trimprefix(string, prefix)", "Takes the prefix away, if it is there.", terraforms},
		{"trimspace", "trimspace(string)", "Takes blanks and line ends away from both ends.", terraforms},
		{"trimsuffix", "trimsuffix(string, suffix)", "Takes the suffix away, if it is there.", terraforms},
		{"try", "try(expression...)", "Returns the first expression that can be evaluated without an error.", terraforms},
		{"upper", "upper(string)", "Returns the string in upper case.", terraforms},
		{"values", "values(map)", "Returns the values of a map or object, in the order of their keys.", terraforms},
		{"where", "where(hosts, having)", "Returns the hosts whose attributes or variables have the wanted values; a list means one of these, null means none.", ours},
		{"yamldecode", "yamldecode(string)", "Returns the value that the YAML text stands for.", terraforms},
		{"zipmap", "zipmap(keys, values)", "Makes a map or an object of keys and their values.", terraforms},
	}
}
