package hub

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// client asks the hub about one model, and again where a failure may pass.
type client struct {
	http     *http.Client
	endpoint *url.URL
	token    string
	id       string
	revision string
	note     func(text string)

	attempts int           // in a row that bring nothing
	stall    time.Duration // without a byte until an answer counts as cut
	first    time.Duration // before the second attempt; twice as long before each further one
	longest  time.Duration // that the hub may ask to wait

	answered bool // the hub has answered before
}

func newClient(endpoint *url.URL, token, id, revision string, note func(string)) *client {
	return &client{
		http: &http.Client{
			Transport:     &bearer{http.DefaultTransport.(*http.Transport).Clone(), endpoint, token},
			CheckRedirect: func(r *http.Request, via []*http.Request) error { return followed(endpoint, r, len(via)) },
		},
		endpoint: endpoint, token: token, id: id, revision: revision, note: note,
		attempts: 5, stall: 30 * time.Second, first: time.Second, longest: time.Minute,
	}
}

// bearer shows the token to the hub and to nobody else: large files lie on other
// hosts, to which the hub redirects.
type bearer struct {
	*http.Transport
	endpoint *url.URL
	token    string
}

func (b *bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.token != "" && at(b.endpoint, r.URL) {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.Transport.RoundTrip(r)
}

var errRedirects = errors.New("it redirects in circles")

// followed ends circles, and what is asked of a file without its content at the
// hub's door: what is known of it, the hub itself says.
func followed(endpoint *url.URL, r *http.Request, before int) error {
	switch {
	case before >= 10:
		return errRedirects
	case r.Method == http.MethodHead && !at(endpoint, r.URL):
		return http.ErrUseLastResponse
	}
	return nil
}

// at reports whether a URL is one of the hub's own.
func at(endpoint, u *url.URL) bool { return u.Scheme == endpoint.Scheme && u.Host == endpoint.Host }

// passing is a failure that may be over after a while.
type passing struct {
	error
	after time.Duration // that the hub asked to wait
}

func (p *passing) Unwrap() error { return p.error }

var errStalled = errors.New("nothing came for a while")

// question is what is asked of the hub.
type question struct {
	method string // GET, if empty
	path   string // below the endpoint, escaped
	// header adds to the headers; it may be nil.
	header func(http.Header)
	// take reads an answer of status 200, 206 or 416, to HEAD also 3xx. Reading from body fails with
	// a passing error.
	take func(answer *http.Response, body io.Reader) error
}

// enough is how much must come for an attempt to count as none that failed.
const enough = 1 << 20

// ask asks until an answer has been taken or the failure is one that stays.
func (c *client) ask(ctx context.Context, q question) error {
	pause := c.first
	for failed := 1; ; failed++ {
		got, err := c.once(ctx, q)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var p *passing
		if !errors.As(err, &p) {
			return err
		}
		if got >= enough {
			failed, pause = 1, c.first
		}
		if failed >= c.attempts {
			return fmt.Errorf("%w, %d times in a row; try again later, and what has come so far is kept", err, failed)
		}
		if p.after > c.longest {
			return fmt.Errorf("%w, and asks to wait for %v; try again then", err, p.after)
		}
		wait := max(pause, p.after)
		c.note(fmt.Sprintf("%v; trying again in %v", err, wait.Round(time.Second)))
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		pause *= 2
	}
}

// once asks once and returns how much was read of the answer.
func (c *client) once(ctx context.Context, q question) (got int64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(c.stall, func() { cancel(errStalled) })
	defer watch.Stop()
	request, err := http.NewRequestWithContext(ctx, q.method, c.endpoint.String()+q.path, nil)
	if err != nil {
		return 0, fmt.Errorf("HF_ENDPOINT: %w", withoutURL(err))
	}
	request.Header.Set("User-Agent", "tripartite")
	request.Header.Set("Accept-Encoding", "identity") // sizes and ranges are those of the file
	if q.header != nil {
		q.header(request.Header)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return 0, c.unreachable(ctx, err)
	}
	defer answer.Body.Close()
	c.answered = true
	if err := c.refusal(answer); err != nil {
		return 0, err
	}
	body := &watched{ctx: ctx, r: answer.Body, watch: watch, stall: c.stall}
	err = q.take(answer, body)
	return body.got, err
}

// watched reads an answer and fails when nothing comes for too long.
type watched struct {
	ctx   context.Context
	r     io.Reader
	watch *time.Timer
	stall time.Duration
	got   int64
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 {
		w.watch.Reset(w.stall)
		w.got += int64(n)
	}
	if err != nil && err != io.EOF {
		if cause := context.Cause(w.ctx); cause != nil {
			err = cause
		}
		err = &passing{error: fmt.Errorf("the connection broke (%w)", err)}
	}
	return n, err
}

// unreachable explains why there is no answer.
func (c *client) unreachable(ctx context.Context, err error) error {
	var of *url.Error
	if cause := context.Cause(ctx); cause != nil && errors.As(err, &of) {
		of.Err = cause
	}
	err = fmt.Errorf("%s does not answer (%w)", c.hostOf(err), withoutURL(err))
	if errors.Is(err, errRedirects) {
		return fmt.Errorf("%w; check HF_ENDPOINT, if it is set", err)
	}
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		return fmt.Errorf("%w; check the clock and HF_ENDPOINT, and that no proxy reads along", err)
	}
	var dial *net.OpError
	if !c.answered && errors.As(err, &dial) && dial.Op == "dial" {
		// There never was a connection, so that waiting is in vain.
		return fmt.Errorf("%w; check the network, and HF_ENDPOINT and HTTPS_PROXY if they are set", err)
	}
	return &passing{error: err}
}

// hostOf returns which host an error of net/http is about.
func (c *client) hostOf(err error) string {
	var e *url.Error
	if errors.As(err, &e) {
		if u, err := url.Parse(e.URL); err == nil && u.Host != "" {
			return u.Host
		}
	}
	return c.endpoint.Host
}

// withoutURL drops the address, which may hold a signature or a password.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// refusal turns the status of an answer into an error that says what to do. The
// codes are those of the hub's X-Error-Code.
func (c *client) refusal(answer *http.Response) error {
	status, code := answer.StatusCode, answer.Header.Get("X-Error-Code")
	const settings = defaultEndpoint + "/settings/tokens"
	switch {
	case status == http.StatusOK, status == http.StatusPartialContent, status == http.StatusRequestedRangeNotSatisfiable:
		return nil
	case status/100 == 3 && answer.Request.Method == http.MethodHead:
		return nil
	case status == http.StatusTooManyRequests:
		return &passing{errors.New("the hub has had too many requests from here"), retryAfter(answer.Header, time.Now())}
	case status == http.StatusRequestTimeout, status >= 500:
		return &passing{fmt.Errorf("the hub has trouble of its own (status %d)", status), retryAfter(answer.Header, time.Now())}
	case code == "RevisionNotFound":
		return fmt.Errorf("it has no revision %q; its branches and tags are listed at %s/%s/tree/main", c.revision, defaultEndpoint, c.id)
	case code == "GatedRepo" && c.token == "":
		return fmt.Errorf("its owner grants access to those who ask at %s/%s; do so, then set HF_TOKEN to a token of %s", defaultEndpoint, c.id, settings)
	case code == "GatedRepo":
		return fmt.Errorf("its owner has not granted access to the holder of the token; ask at %s/%s", defaultEndpoint, c.id)
	case status == http.StatusUnauthorized && c.token == "":
		return fmt.Errorf("the hub has no public model of this name; check the name, and for a private model set HF_TOKEN to a token of %s", settings)
	case status == http.StatusUnauthorized:
		return fmt.Errorf("the hub does not accept the token, or has no such model; check the name, and HF_TOKEN or the file of \"hf auth login\" against %s", settings)
	case status == http.StatusForbidden:
		return fmt.Errorf("the hub forbids it%s; give the token the right to read this model at %s, or set HF_TOKEN to one that has it", said(answer), settings)
	case status == http.StatusNotFound:
		return fmt.Errorf("the hub has no such model or file%s; check the name at %s/models, and HF_ENDPOINT if it is set", said(answer), defaultEndpoint)
	}
	return fmt.Errorf("the hub answers with status %d%s; check HF_ENDPOINT and HTTPS_PROXY, if they are set", status, said(answer))
}

// said quotes the hub's own words.
func said(answer *http.Response) string {
	words := answer.Header.Get("X-Error-Message")
	if words == "" || len(words) > 200 {
		return ""
	}
	return " (" + strconv.Quote(words) + ")"
}

// retryAfter reads for how long the hub asks to be left alone: in seconds, or
// until a time.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now).Round(time.Second))
	}
	return 0
}

// address is where a file of a commit is, below the endpoint.
func (c *client) address(commit string, f file) string {
	parts := strings.Split(f.Name, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return "/" + c.id + "/resolve/" + commit + "/" + strings.Join(parts, "/")
}
