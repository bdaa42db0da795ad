package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
)

// PullOptions say how Pull works. The zero value will do.
type PullOptions struct {
	// Progress, if not nil, is told how many bytes of how many are there. The first
	// number falls where a file has to be fetched anew.
	Progress func(done, total int64)
	// Note, if not nil, is told what the user may want to know meanwhile.
	Note func(text string)

	adjust func(*puller) // nil, except in tests
}

// Pulled says what Pull has brought into the cache.
type Pulled struct {
	ID       string
	Revision string // as asked for
	Commit   string // that it stands for
	Files    []PulledFile
	// New reports whether anything had to be downloaded.
	New bool
}

// PulledFile is a file of a model.
type PulledFile struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// Bytes adds up the files.
func (p Pulled) Bytes() (sum int64) {
	for _, f := range p.Files {
		sum += f.Bytes
	}
	return sum
}

// Pull downloads those files of a model on the Hugging Face hub that this module
// reads into the cache, where Resolve finds them. Arg is ID or ID@REVISION, with
// a branch, a tag or a commit. What is there already is not fetched again, and
// what an earlier call began is completed.
//
// Nothing of a model can be found in the cache before all of it is there with the
// right checksums. Several processes may pull the same model. The environment is
// that of huggingface_hub: HF_HUB_CACHE and HF_HOME, HF_ENDPOINT, HF_TOKEN and the
// file that "hf auth login" writes, and HF_HUB_OFFLINE, with which a model in the
// cache is all that Pull accepts.
func Pull(ctx context.Context, arg string, options PullOptions) (Pulled, error) {
	name, revision, ok := split(arg)
	if !ok {
		return Pulled{}, fmt.Errorf("model %q: this is no name on the hub; give OWNER/NAME, as in sentence-transformers/all-MiniLM-L6-v2, with @REVISION if need be", arg)
	}
	done, err := pull(ctx, name, revision, options)
	if err != nil {
		return Pulled{}, fmt.Errorf("model %q: %w", join(name, revision), err)
	}
	return done, nil
}

func pull(ctx context.Context, name, revision string, options PullOptions) (Pulled, error) {
	if options.Note == nil {
		options.Note = func(string) {}
	}
	if options.Progress == nil {
		options.Progress = func(int64, int64) {}
	}
	cache, err := cacheFolder()
	if err != nil {
		return Pulled{}, err
	}
	model := newRepository(cache, name)
	if offline() {
		return model.whole(name, revision)
	}
	to, err := endpoint()
	if err != nil {
		return Pulled{}, err
	}
	who, err := token()
	if err != nil {
		return Pulled{}, err
	}
	p := &puller{
		client: newClient(to, who, name, revision, options.Note), model: model,
		progress: options.Progress,
	}
	defer p.client.http.CloseIdleConnections()
	if options.adjust != nil {
		options.adjust(p)
	}
	return p.run(ctx)
}

// puller pulls one model.
type puller struct {
	*client
	model    repository
	progress func(done, total int64)

	commit      string
	done, total int64
	fetched     bool
}

func (p *puller) run(ctx context.Context) (Pulled, error) {
	listed, err := p.list(ctx)
	if err != nil {
		return Pulled{}, err
	}
	files, absent, err := choose(listed)
	if err != nil {
		return Pulled{}, err
	}
	if err := p.complete(ctx, files); err != nil {
		return Pulled{}, err
	}
	if i := slices.IndexFunc(files, func(f file) bool { return f.Name == indexFile }); i >= 0 {
		index, err := p.read(ctx, files[i])
		if err != nil {
			return Pulled{}, err
		}
		weights, err := shards(index, listed)
		if err == nil {
			err = p.complete(ctx, weights)
		}
		if err != nil {
			return Pulled{}, err
		}
		files = append(files, weights...)
	}
	p.done, p.total = 0, 0
	for _, f := range files {
		p.total += f.Bytes
	}
	for _, f := range files {
		if err := p.bring(ctx, f); err != nil {
			return Pulled{}, err
		}
	}
	// Without a configuration nobody takes a snapshot for a model, and without a ref
	// nobody finds it.
	slices.SortStableFunc(files, func(a, b file) int { return cmp.Compare(last(a), last(b)) })
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return Pulled{}, err
		}
		if err := p.model.publish(p.commit, f); err != nil {
			return Pulled{}, unwritable(err)
		}
	}
	p.model.noteAbsent(p.commit, absent)
	if err := p.model.noteCommit(p.revision, p.commit); err != nil {
		return Pulled{}, unwritable(err)
	}
	done := Pulled{ID: p.id, Revision: p.revision, Commit: p.commit, New: p.fetched}
	for _, f := range files {
		done.Files = append(done.Files, PulledFile{f.Name, f.Bytes})
	}
	slices.SortFunc(done.Files, func(a, b PulledFile) int { return strings.Compare(a.Name, b.Name) })
	return done, nil
}

// last is 1 for the file that makes a snapshot a model.
func last(f file) int {
	if f.Name == configFile {
		return 1
	}
	return 0
}

// list asks what there is.
func (p *puller) list(ctx context.Context) (map[string]file, error) {
	const most = 32 << 20 // about 100,000 files
	var listed map[string]file
	err := p.ask(ctx, question{
		path: "/api/models/" + p.id + "/revision/" + url.PathEscape(p.revision) + "?blobs=true",
		take: func(_ *http.Response, body io.Reader) error {
			data, err := io.ReadAll(io.LimitReader(body, most+1))
			if err != nil {
				return err
			}
			if len(data) > most {
				return fmt.Errorf("the hub's list of files is longer than %d MB; check HF_ENDPOINT, if it is set", most>>20)
			}
			if p.commit, listed, err = parseListing(data); err != nil {
				return fmt.Errorf("%w; check HF_ENDPOINT and any proxy", err)
			}
			return nil
		},
	})
	return listed, err
}

// complete asks, file by file, for sizes and hashes that the list lacks. The
// headers are those that huggingface_hub goes by.
func (p *puller) complete(ctx context.Context, files []file) error {
	for i := range files {
		f := &files[i]
		if f.known() {
			continue
		}
		err := p.ask(ctx, question{method: http.MethodHead, path: p.address(p.commit, *f), take: func(answer *http.Response, _ io.Reader) error {
			h := answer.Header
			f.Hash = strings.Trim(strings.TrimPrefix(cmp.Or(h.Get("X-Linked-Etag"), h.Get("ETag")), "W/"), `"`)
			f.Bytes = -1
			if n, err := strconv.ParseInt(h.Get("X-Linked-Size"), 10, 64); err == nil {
				f.Bytes = n
			} else if answer.StatusCode == http.StatusOK {
				f.Bytes = answer.ContentLength
			}
			return nil
		}})
		if err != nil {
			return err
		}
		if !f.known() {
			return fmt.Errorf("the hub does not say size and checksum of %s; check HF_ENDPOINT, if it is set", f.Name)
		}
	}
	return nil
}

// bring fetches a file that is not there.
func (p *puller) bring(ctx context.Context, f file) error {
	before := p.done
	came := func(n int64) {
		p.done = before + n
		p.progress(p.done, p.total)
	}
	if p.model.has(p.commit, f) {
		came(f.Bytes)
		return nil
	}
	p.fetched = true
	return p.download(ctx, p.model, p.commit, f, came)
}

// read fetches a file and returns what it holds.
func (p *puller) read(ctx context.Context, f file) ([]byte, error) {
	const most = 64 << 20 // the largest models have indices of some MB
	if f.Bytes > most {
		return nil, fmt.Errorf("%s has %d bytes, more than any index; choose another revision", f.Name, f.Bytes)
	}
	p.total = f.Bytes
	if err := p.bring(ctx, f); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(p.model.blob(f.Hash))
	if errors.Is(err, fs.ErrNotExist) { // a snapshot of copies
		data, err = os.ReadFile(p.model.file(p.commit, f))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w; check that the Hugging Face cache can be read", f.Name, reason(err))
	}
	return data, nil
}

// whole returns what Pull would, of a model that is in the cache with all its
// weights.
func (r repository) whole(name, revision string) (Pulled, error) {
	unset := errors.New("it is not whole in the Hugging Face cache, and HF_HUB_OFFLINE forbids to fetch it; unset that, or set HF_HUB_CACHE to a cache that has the model")
	commit, err := r.commit(revision)
	if errors.Is(err, fs.ErrNotExist) {
		return Pulled{}, unset
	}
	if err != nil {
		return Pulled{}, err
	}
	files := os.DirFS(r.snapshot(commit))
	needed := []string{configFile, weightsFile}
	if index, err := fs.ReadFile(files, indexFile); err == nil {
		if _, err := fs.Stat(files, weightsFile); err != nil {
			shards, err := parseIndex(index)
			if err != nil {
				return Pulled{}, unset
			}
			needed = append(shards, configFile)
		}
	}
	for _, file := range needed {
		if _, err := fs.Stat(files, file); err != nil {
			return Pulled{}, unset
		}
	}
	done := Pulled{ID: name, Revision: revision, Commit: commit}
	err = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := fs.Stat(files, name)
		if err == nil && info.Mode().IsRegular() {
			done.Files = append(done.Files, PulledFile{name, info.Size()})
		}
		return err
	})
	if err != nil {
		return Pulled{}, fmt.Errorf("snapshot %s in the Hugging Face cache: %w; check that it can be read", commit, reason(err))
	}
	return done, nil
}
