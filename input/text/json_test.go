package text

import (
	"encoding/json"
	"maps"
	"testing"
)

// Whatever the spelling, cutting a member out is what decoding says it is.
func TestMembersAreThoseThatADecoderFinds(t *testing.T) {
	for _, object := range []string{
		`{}`, "{ \n}", `{"vocab":1}`, "\t{ \"vocab\" : 1 , \"type\" : \"x\" }"[1:],
		`{"vocab":{"a":0,"}":1,"\"":2,"\\":3,",":4,":":5},"n":null,"t":true,"e":-1.5e3}`,
		`{"x":[[],{},[{"vocab":1}],"]"],"vocab":[1,2],"y":{"vocab":"no"}}`,
		"{\n  \"vocab\": {\n    \"\": 0\n  },\n  \"last\": 7\n}", `{"vocab":1,"vocab":2,"vocab":"\u0061\\"}`, `{"é":"東","vocab":"\\\""}`,
	} {
		var want map[string]json.RawMessage
		if err := json.Unmarshal([]byte(object), &want); err != nil {
			t.Fatalf("%s: %v", object, err)
		}
		value, rest := member(object, "vocab")
		if value != string(want["vocab"]) {
			t.Errorf("%s: the member is %s, want %s", object, value, want["vocab"])
		}
		delete(want, "vocab")
		got := map[string]json.RawMessage{}
		if err := json.Unmarshal(rest, &got); err != nil {
			t.Errorf("%s: the rest is %s: %v", object, rest, err)
		}
		if !maps.EqualFunc(got, want, func(a, b json.RawMessage) bool { return string(a) == string(b) }) {
			t.Errorf("%s: the rest is %s, want %s", object, rest, want)
		}
	}
	if value, rest := member(`[1]`, "vocab"); value != "" || string(rest) != "[1]" {
		t.Errorf("of an array: %q, %s", value, rest)
	}
}

func TestIdsFarApartAreFoundAgain(t *testing.T) {
	v, err := parseVocab(`{"a":0,"b":2,"c":1000000,"":1}`)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[int]string{0: "a", 1: "", 2: "b", 1000000: "c"} {
		if s, ok := v.token(id); !ok || s != want {
			t.Errorf("id %d is %q, %v; want %q", id, s, ok, want)
		}
		if got, ok := v.id(want); !ok || got != id {
			t.Errorf("%q is id %d, %v; want %d", want, got, ok, id)
		}
	}
	for _, id := range []int{-1, 3, 4, 999999, 1000001} {
		if s, ok := v.token(id); ok {
			t.Errorf("id %d is %q, but there is none", id, s)
		}
	}
	if v.end() != 1000001 {
		t.Errorf("ids end at %d", v.end())
	}
}
