package text

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// template says which special tokens go around one text and around two.
type template struct {
	single, pair []part
}

// part is one element of a template: a text, or tokens of its own.
type part struct {
	sequence int // 0 the first text, 1 the second, -1 the tokens below
	typeID   int
	ids      []int
}

// bare is the template of a tokenizer that adds nothing.
func bare() template {
	return template{
		single: []part{{sequence: 0}},
		pair:   []part{{sequence: 0}, {sequence: 1, typeID: 1}},
	}
}

// ids puts the special tokens around one text.
func (t template) ids(text []token) []int {
	ids := make([]int, 0, len(text)+len(t.single))
	for _, p := range t.single {
		if p.sequence != 0 {
			ids = append(ids, p.ids...)
			continue
		}
		for _, token := range text {
			ids = append(ids, token.id)
		}
	}
	return ids
}

// apply lays out one text or two as a template says.
func apply(parts []part, first, second []token) Encoding {
	n := 0
	for _, p := range parts {
		switch p.sequence {
		case 0:
			n += len(first)
		case 1:
			n += len(second)
		default:
			n += len(p.ids)
		}
	}
	e := Encoding{
		IDs:       make([]int, 0, n),
		TypeIDs:   make([]int, 0, n),
		Sequences: make([]int, 0, n),
		Offsets:   make([]Span, 0, n),
	}
	push := func(id int, p part, at Span) {
		e.IDs = append(e.IDs, id)
		e.TypeIDs = append(e.TypeIDs, p.typeID)
		e.Sequences = append(e.Sequences, p.sequence)
		e.Offsets = append(e.Offsets, at)
	}
	for _, p := range parts {
		tokens := first
		switch p.sequence {
		case -1:
			for _, id := range p.ids {
				push(id, p, Span{})
			}
			continue
		case 1:
			tokens = second
		}
		for _, t := range tokens {
			push(t.id, p, t.at)
		}
	}
	return e
}

// bertTemplate is [CLS] A [SEP], and [CLS] A [SEP] B [SEP] with B in segment 1.
func bertTemplate(cls, sep int) template {
	return template{
		single: []part{{sequence: -1, ids: []int{cls}}, {sequence: 0}, {sequence: -1, ids: []int{sep}}},
		pair: []part{
			{sequence: -1, ids: []int{cls}}, {sequence: 0}, {sequence: -1, ids: []int{sep}},
			{sequence: 1, typeID: 1}, {sequence: -1, typeID: 1, ids: []int{sep}},
		},
	}
}

// robertaTemplate is <s> A </s>, and <s> A </s> </s> B </s>, all one segment.
func robertaTemplate(cls, sep int) template {
	special := func(ids ...int) part { return part{sequence: -1, ids: ids} }
	return template{
		single: []part{special(cls), {sequence: 0}, special(sep)},
		pair:   []part{special(cls), {sequence: 0}, special(sep, sep), {sequence: 1}, special(sep)},
	}
}

// postProcessor is what happens after the model: at most one template, and
// whether offsets are trimmed.
type postProcessor struct {
	template *template // nil: nothing is added
	trimmer  *trimmer
}

// buildPostProcessor reads the post_processor of a tokenizer.json.
func buildPostProcessor(data json.RawMessage) (postProcessor, error) {
	return buildPostProcessorAt(data, 0)
}

func buildPostProcessorAt(data json.RawMessage, depth int) (postProcessor, error) {
	var p postProcessor
	if absent(data) {
		return p, nil
	}
	kind, err := kindOf(data)
	if err != nil {
		return p, err
	}
	var f struct {
		Sep, Cls   namedID
		Trim       *bool             `json:"trim_offsets"`
		Prefix     *bool             `json:"add_prefix_space"`
		Processors []json.RawMessage `json:"processors"`
	}
	if kind != "TemplateProcessing" { // whose members are others
		if err := unmarshal(data, &f); err != nil {
			return p, err
		}
	}
	switch kind {
	case "TemplateProcessing":
		t, err := parseTemplate(data)
		return postProcessor{template: &t}, err
	case "BertProcessing", "RobertaProcessing":
		if f.Sep.token == "" || f.Cls.token == "" {
			return p, errors.New(`it lacks "sep" or "cls"; save the tokenizer again`)
		}
		t := bertTemplate(f.Cls.id, f.Sep.id)
		if kind == "RobertaProcessing" {
			t = robertaTemplate(f.Cls.id, f.Sep.id)
			if orTrue(f.Trim) {
				p.trimmer = &trimmer{prefix: orTrue(f.Prefix)}
			}
		}
		p.template = &t
		return p, nil
	case "ByteLevel":
		if orTrue(f.Trim) {
			p.trimmer = &trimmer{prefix: orTrue(f.Prefix)}
		}
		return p, nil
	case "Sequence":
		steps, err := buildSteps(f.Processors, depth, buildPostProcessorAt)
		if err != nil {
			return p, err
		}
		for _, step := range steps {
			if step.template != nil && p.template != nil || step.trimmer != nil && p.trimmer != nil {
				return p, errors.New("it adds special tokens twice or trims offsets twice, which is not supported; keep one of each")
			}
			if step.template != nil {
				p.template = step.template
			}
			if step.trimmer != nil {
				p.trimmer = step.trimmer
			}
		}
		return p, nil
	}
	return p, unsupported(kind, "TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel, Sequence")
}

// namedID is a pair of token and id: ["[SEP]", 102].
type namedID struct {
	token string
	id    int
}

func (n *namedID) UnmarshalJSON(data []byte) error {
	pair := []any{&n.token, &n.id}
	if err := json.Unmarshal(data, &pair); err != nil || len(pair) != 2 || n.id < 0 || n.id > maxID {
		return fmt.Errorf("%.40q is not a pair of token and id; save the tokenizer again", data)
	}
	return nil
}

// templatePart is one element as the file spells it: exactly one of the two is
// there.
type templatePart struct {
	Special *struct {
		ID     string `json:"id"`
		TypeID uint16 `json:"type_id"`
	} `json:"SpecialToken"`
	Sequence *struct {
		ID     string `json:"id"`
		TypeID uint16 `json:"type_id"`
	} `json:"Sequence"`
}

func parseTemplate(data json.RawMessage) (template, error) {
	var f struct {
		Single, Pair []templatePart
		Special      map[string]struct {
			IDs []int `json:"ids"`
		} `json:"special_tokens"`
	}
	if err := unmarshal(data, &f); err != nil {
		return template{}, err
	}
	convert := func(parts []templatePart) ([]part, error) {
		var out []part
		for i, p := range parts {
			switch {
			case p.Special != nil && p.Sequence == nil:
				s, ok := f.Special[p.Special.ID]
				if !ok {
					return nil, fmt.Errorf("%q is not among its special_tokens; add it there", p.Special.ID)
				}
				for _, id := range s.IDs {
					if id < 0 || id > maxID {
						return nil, fmt.Errorf("%q has the id %d; ids are 0 to %d", p.Special.ID, id, maxID)
					}
				}
				out = append(out, part{sequence: -1, typeID: int(p.Special.TypeID), ids: s.IDs})
			case p.Sequence != nil && p.Special == nil && (p.Sequence.ID == "A" || p.Sequence.ID == "B"):
				out = append(out, part{sequence: int(p.Sequence.ID[0] - 'A'), typeID: int(p.Sequence.TypeID)})
			default:
				return nil, fmt.Errorf("element %d is neither a SpecialToken nor the Sequence A or B; save the tokenizer again", i)
			}
		}
		return out, nil
	}
	var t template
	var err error
	if t.single, err = convert(f.Single); err != nil {
		return t, fmt.Errorf("single: %w", err)
	}
	if slices.ContainsFunc(t.single, func(p part) bool { return p.sequence == 1 }) {
		return t, errors.New("single: it holds a second text; take the Sequence B out")
	}
	if t.pair, err = convert(f.Pair); err != nil {
		return t, fmt.Errorf("pair: %w", err)
	}
	return t, nil
}
