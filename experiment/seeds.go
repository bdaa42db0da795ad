package experiment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tripartite-go/tripartite/internal/atomicfile"
	"github.com/tripartite-go/tripartite/tensor"
)

// SeedSchema is the version of the files of finished seeds.
const SeedSchema = "tripartite.experiment-seed/1"

// finished is the file of a finished seed.
type finished struct {
	Schema     string `json:"schema"`
	Experiment string `json:"experiment"`
	Seed       uint64 `json:"seed"`
	// Identity hashes all that the measurement depends on.
	Identity string          `json:"identity"`
	Measured json.RawMessage `json:"measured"`
}

// SeedFile returns the name of the file that keeps what a seed measured.
func SeedFile(seed uint64) string { return fmt.Sprintf("seed-%d.json", seed) }

// eachSeed runs an experiment seed by seed and returns what each measured, in order.
// In a lab with a folder, a seed that is finished is kept there, and with Resume
// those that are there already are not run again. Progress goes from begin, the
// share of the time that was spent before, to 1.
//
// What is returned went through JSON, so that it is the same whether it was measured
// or read.
func eachSeed[S any](ctx context.Context, lab *Lab, name string, config any, begin float64, run func(seed uint64, progress func(done float64)) (*S, error)) ([]S, error) {
	all := make([]S, len(lab.Seeds))
	for i, seed := range lab.Seeds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		stage := fmt.Sprintf("%s, seed %d of %d", name, i+1, len(lab.Seeds))
		progress := func(done float64) {
			lab.progress(stage, begin+(1-begin)*(float64(i)+done)/float64(len(lab.Seeds)))
		}
		progress(0)
		file := finished{Schema: SeedSchema, Experiment: name, Seed: seed, Identity: lab.identity(name, config, seed)}
		there, err := lab.load(&file)
		if err != nil {
			return nil, err
		}
		if !there {
			measured, err := run(seed, progress)
			if err != nil {
				return nil, err
			}
			if file.Measured, err = json.Marshal(measured); err != nil {
				return nil, fmt.Errorf("%s, seed %d: %w: a sum is out of range; choose curves whose rates stay smaller, such as calibrated ones", name, seed, err)
			}
			if err := lab.keep(&file); err != nil {
				return nil, err
			}
		}
		if err := json.Unmarshal(file.Measured, &all[i]); err != nil {
			return nil, fmt.Errorf("%s: %w: the file is damaged; remove it to measure anew", filepath.Join(lab.Dir, SeedFile(seed)), err)
		}
	}
	return all, nil
}

// load reads the file of a seed, if it is there and wanted.
func (l *Lab) load(file *finished) (there bool, err error) {
	if l.Dir == "" || !l.Resume {
		return false, nil
	}
	path := filepath.Join(l.Dir, SeedFile(file.Seed))
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("resume: %w; check that it can be read", err)
	}
	var old finished
	switch err := json.Unmarshal(text, &old); {
	case err != nil:
		return false, fmt.Errorf("resume: %s: %w: the file is damaged; remove it to measure anew", path, err)
	case old.Schema != SeedSchema:
		return false, fmt.Errorf("resume: %s: schema is %q, want %q: this is no finished seed, or one of another version; remove it, or give another folder", path, old.Schema, SeedSchema)
	case old.Experiment != file.Experiment || old.Seed != file.Seed:
		return false, fmt.Errorf("resume: %s is of %s, seed %d, not of %s, seed %d; give the folder of that experiment", path, old.Experiment, old.Seed, file.Experiment, file.Seed)
	case old.Identity != file.Identity:
		return false, fmt.Errorf("resume: %s was measured otherwise: version, kernel, model, inputs or settings differ; give the same, another folder, or leave out --resume to measure anew", path)
	}
	file.Measured = old.Measured
	return true, nil
}

// keep writes the file of a seed.
func (l *Lab) keep(file *finished) error {
	if l.Dir == "" {
		return nil
	}
	if err := os.MkdirAll(l.Dir, 0o777); err != nil {
		return fmt.Errorf("create folder for finished seeds: %w; give a folder that can be written", err)
	}
	return atomicfile.Write(filepath.Join(l.Dir, SeedFile(file.Seed)), func(w io.Writer) error {
		return json.NewEncoder(w).Encode(file)
	})
}

// identity hashes all that what a seed measures depends on.
func (l *Lab) identity(name string, config any, seed uint64) string {
	sum := sha256.New()
	all := []any{SeedSchema, l.Program, tensor.Kernel(), name, config, seed, l.Weights, l.Truth, l.inputsHash}
	if l.Network != nil {
		all = append(all, l.Network.Model.Name(), l.Network.Model.Precision().String())
	}
	if l.Fitted != nil {
		all = append(all, l.Fitted.Fingerprint())
	}
	if err := json.NewEncoder(sum).Encode(all); err != nil {
		panic("experiment: " + err.Error()) // a config is plain data
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}
