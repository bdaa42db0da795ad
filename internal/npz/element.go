package npz

import (
	"fmt"
	"strconv"
	"strings"
)

// element is the type of an array's elements.
type element struct {
	kind byte // 'b' boolean, 'i' signed, 'u' unsigned, 'f' floating-point
	size int  // bytes
	big  bool // big-endian
}

// parseElement parses NumPy's type string, such as "<f8": byte order, kind and
// bytes.
func parseElement(descr string) (element, error) {
	code := strings.TrimLeft(descr, "<>=|")
	if len(descr)-len(code) > 1 || code == "" {
		return element{}, unreadable(descr)
	}
	size, err := strconv.Atoi(code[1:])
	if err != nil {
		return element{}, unreadable(descr)
	}
	e := element{kind: code[0], size: size, big: descr[0] == '>'}
	switch {
	case e.kind == 'b' && size == 1:
		return e, nil
	case (e.kind == 'i' || e.kind == 'u') && (size == 1 || size == 2 || size == 4 || size == 8):
		return e, nil
	case e.kind == 'f' && (size == 2 || size == 4 || size == 8):
		return e, nil
	}
	return element{}, unreadable(descr)
}

// unreadable says what a type string stands for, and what to store instead.
func unreadable(descr string) error {
	const asFloat = "save it as float64: np.asarray(x, float)"
	code := strings.TrimLeft(descr, "<>=|")
	kind := byte(0)
	if code != "" {
		kind = code[0]
	}
	what, remedy := "an unknown type", asFloat
	switch kind {
	case 'O':
		what = "Python objects, which are not read since they can run code"
	case 'S', 'a', 'U':
		what = "text"
	case 'c':
		what, remedy = "complex numbers", "save the parts as two arrays: x.real, x.imag"
	case 'V':
		what, remedy = "raw bytes (bfloat16 is stored so)", "save it as float32: x.astype(np.float32)"
	case 'M', 'm':
		what, remedy = "dates or time spans", "save it as float64: x.astype(float)"
	case 'f':
		what = "floating-point numbers of an uncommon width"
	}
	return fmt.Errorf("its type %q means %s; %s", descr, what, remedy)
}

// name is NumPy's name for the type.
func (e element) name() string {
	switch e.kind {
	case 'b':
		return "bool"
	case 'i':
		return fmt.Sprintf("int%d", 8*e.size)
	case 'u':
		return fmt.Sprintf("uint%d", 8*e.size)
	}
	return fmt.Sprintf("float%d", 8*e.size)
}

// descr is NumPy's type string.
func (e element) descr() string {
	order := byte('<')
	switch {
	case e.size == 1:
		order = '|'
	case e.big:
		order = '>'
	}
	return fmt.Sprintf("%c%c%d", order, e.kind, e.size)
}
