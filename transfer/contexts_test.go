package transfer

import (
	"slices"
	"testing"
)

func TestQueriesAreDividedByTheKeysTheySee(t *testing.T) {
	for _, c := range []struct {
		seen []int
		want [][]int
	}{
		{nil, nil},
		{[]int{5, 5, 5, 5}, [][]int{{0, 1, 2, 3}}}, // all alike
		{[]int{3, 1, 2, 4, 8, 6, 7, 5}, [][]int{{1, 2}, {0, 3}, {7, 5}, {6, 4}}},
		{[]int{1, 2, 2, 2, 2, 2, 2, 9}, [][]int{{0, 1, 2, 3, 4, 5, 6}, {7}}}, // what is alike stays together
		{[]int{7, 1}, [][]int{{1}, {0}}},
	} {
		if got := byLength(c.seen); !slices.EqualFunc(got, c.want, slices.Equal[[]int]) {
			t.Errorf("%v: %v, want %v", c.seen, got, c.want)
		}
	}
}
