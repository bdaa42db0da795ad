package counts

import "testing"

func TestCountsAreWritten(t *testing.T) {
	for got, want := range map[string]string{
		Format(0): "0", Format(999): "999", Format(1000): "1,000", Format(-999): "−999",
		Format(-1000): "−1,000", Format(int64(-1234567)): "−1,234,567", Format(12345678): "12,345,678",
		Plural(0, "head"): "0 heads", Plural(int64(1), "head"): "1 head", Plural(6757, "head"): "6,757 heads",
		Nouns(1, "memory", "memories"): "1 memory", Nouns(2243, "memory", "memories"): "2,243 memories",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
