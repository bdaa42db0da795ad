package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tripartite-go/tripartite/transfer"
)

func TestAnswersAsATerminalShowsThem(t *testing.T) {
	r := sample(1, 1, 1)
	r.Attended = attended(patches(3), 2)
	r.Attended.Inputs[1].Name = "a-picture-with-a-long-name.png"
	r.Attended.Inputs[1].Truth = ""
	r.Attended.Inputs[1].ExactAnswer.Text = "▁ankle"
	const want = `
answers: exact | circuit | uniform; r: correlation of attention, layer 3
  ankle-boot.png     ankle boot 99.8% | sneaker 50.0% | bag –; r 0.988; truth: ankle boot
  a-picture-with-a-… ankle 99.8% | sneaker 50.0% | bag –; r 0.988

- With`
	if got := text(t, r, TextOptions{Width: 100}); !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant in it\n%s", got, want)
	}
	r.Attended = attended(nil, 1)
	const bare = `
r: correlation of attention, layer 3
  text 1             r 0.988
`
	if got := text(t, r, TextOptions{Width: 100}); !strings.Contains(got, bare) {
		t.Errorf("got\n%s\nwant in it\n%s", got, bare)
	}
}

func TestPageSaysWhatIsAttendedTo(t *testing.T) {
	for name, test := range map[string]struct {
		want, not []string
	}{
		"pictures": {
			[]string{"What the answer attends to", "Attention in layer 3", "the picture shows as relief", "Patches overlap", "<td class=\"left\">sneaker 50.0%</td>", ">truth</th>", "<td>–</td>", "data:image/png;base64,"},
			[]string{"10 ms", "framed"},
		},
		"sounds": {[]string{"the spectrogram shows as relief", "Frames are 10 ms apart"}, []string{"framed"}},
		"texts": {
			[]string{"the framed token", "Darker is more", "<td>text 2</td>", ">ning<", "How alike the attention of the two networks is"},
			[]string{"##ning", ">truth</th>", "relief", "Patches overlap", "is to be guessed"},
		},
		"no attention": {nil, []string{"attends to"}},
		"guesses":      {[]string{"Darker is more. Each text ends before the token that is to be guessed"}, nil},
	} {
		r := hard()[name]
		if name == "guesses" {
			r = hard()["texts"]
			r.Network.Task = &transfer.Task{Name: transfer.Next, Answers: 2, Known: 2}
		}
		page := html(t, r)
		for _, w := range test.want {
			if !strings.Contains(page, w) {
				t.Errorf("%s: the page does not say %q", name, w)
			}
		}
		for _, w := range test.not {
			if strings.Contains(page, w) {
				t.Errorf("%s: the page says %q", name, w)
			}
		}
	}
}

func TestAttentionIsDrawnWhereItWasKept(t *testing.T) {
	for name, want := range map[string]bool{"pictures": true, "texts": true, "no attention": false, "one head": false} {
		dir := t.TempDir()
		if err := WriteDir(t.Context(), dir, hard()[name]); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"attention.png", "attention.svg", "attention-heads.png", "attention-heads.svg"} {
			if _, err := os.Stat(filepath.Join(dir, file)); (err == nil) != want {
				t.Errorf("%s: %s: %v", name, file, err)
			}
		}
	}
}

// A page is read back from JSON without the pictures, which it does not keep.
func TestAttentionIsDrawnWithoutPictures(t *testing.T) {
	r := sample(1, 1, 1)
	p := patches(3)
	p.Seen = nil
	r.Attended = attended(p, 1)
	if page := html(t, r); strings.Count(page, "<image ") != 3+1+4+1 { // a row with its bar, two heads with theirs
		t.Errorf("%d pictures", strings.Count(page, "<image "))
	}
	r.Attended.Inputs = []transfer.AttendedInput{{}}
	html(t, r)
}
