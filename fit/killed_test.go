package fit

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/tripartite-go/tripartite/safetensors"
)

// killedState tells a process that it is a fit to be killed, and where its state is.
const killedState = "FIT_TO_BE_KILLED"

// A fit that is killed at random moments, over and over, with SIGKILL, which no
// program notices, comes to the bytes that it would have come to; its state is whole
// at any time. It saves after every step, so that kills meet saving. TRIPARTITE_KILLS
// says how often.
func TestAKilledFitGoesOn(t *testing.T) {
	m := open(t, "bert")
	cfg := small(t, m, 2)
	cfg.HeadSteps, cfg.JointSteps = 100, 60
	want := cfg
	if path := os.Getenv(killedState); path != "" {
		cfg.Checkpoint, cfg.saveEvery = path, 1
		mustRun(t, cfg)
		return
	}
	if runtime.GOOS == "windows" || testing.Short() {
		t.Skip("skipped: it kills many processes")
	}
	kills := 12
	if n, err := strconv.Atoi(os.Getenv("TRIPARTITE_KILLS")); err == nil {
		kills = n
	}
	dir := t.TempDir()
	cfg.Checkpoint = filepath.Join(dir, "state")
	rng := rand.New(rand.NewPCG(1, 2))
	states := 0
	longest := 400 * time.Millisecond // of a life: a few to a fit
	for killed := 0; killed < kills; {
		c := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
		c.Env = append(os.Environ(), killedState+"="+cfg.Checkpoint)
		var out bytes.Buffer
		c.Stdout, c.Stderr = &out, &out
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(rng.Int64N(int64(longest))), func() { _ = c.Process.Kill() })
		err := c.Wait()
		timer.Stop()
		if err != nil && c.ProcessState.ExitCode() >= 0 {
			t.Fatalf("a fit failed: %v: %s", err, out.String())
		}
		if err == nil { // it had come to its end
			if err := os.Remove(cfg.Checkpoint); err != nil {
				t.Fatal(err)
			}
			longest = max(longest/2, 100*time.Millisecond)
			continue
		}
		killed++
		if _, err := os.Stat(cfg.Checkpoint); err != nil {
			longest *= 2 // until there is one
			continue
		}
		f, err := safetensors.Open(cfg.Checkpoint)
		if err != nil {
			t.Fatalf("after kill %d: %v", killed, err)
		}
		if _, err := newRun(cfg).parse(f); err != nil {
			t.Fatalf("after kill %d: %v", killed, err)
		}
		f.Close()
		states++
	}
	t.Logf("%d kills left %d states", kills, states)
	if states == 0 {
		t.Skip("this machine leaves no state at any of these moments")
	}
	if !bytes.Equal(bytesOf(t, mustRun(t, cfg)), bytesOf(t, mustRun(t, want))) {
		t.Error("a fit that was killed comes to something else than one that was not")
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		if f.Name() != "state" {
			t.Errorf("left behind: %s", f.Name())
		}
	}
}
