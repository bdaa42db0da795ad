# What a contributor needs. `make check` is what has to pass before a change.

GO          ?= go
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2
PYTHON      ?= python3
FUZZTIME    ?= 60s

# Packages whose code runs on several threads.
CONCURRENT = ./tensor ./nn ./attention ./model ./network ./transfer ./internal/cli/attend ./hub

.PHONY: all build install check format vet staticcheck test race kernels arm64 fuzz bench bench-peers bench-dynamics bench-peers-test generate golden clean

all: check build

build: ## one static program
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/tripartite ./cmd/tripartite

install:
	CGO_ENABLED=0 $(GO) install -trimpath ./cmd/tripartite

check: format vet staticcheck test race

format:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then \
		echo "not formatted (run gofmt -w):" $$unformatted; exit 1; fi

vet:
	$(GO) vet ./...

staticcheck:
	$(GO) run $(STATICCHECK) ./...

test: ## import rules and every command of the documentation included
	$(GO) test ./...

race:
	$(GO) test -race -short $(CONCURRENT)

# The engine with each kind of arithmetic that this CPU has.
kernels:
	TRIPARTITE_KERNEL=portable $(GO) test -count=1 ./internal/kernel ./tensor ./nn ./attention ./bench ./model ./network ./task ./stream
	TRIPARTITE_KERNEL=avx2 $(GO) test -count=1 ./internal/kernel ./tensor ./nn ./attention ./bench ./model ./network ./task ./stream

# The arithmetic, and the circuit on it, for arm64: compiled here, run by an
# emulator. Tests of the arithmetic go through all of its kinds by themselves.
QEMU_ARM64 ?= qemu-aarch64
ARM64_TEST  = GOOS=linux GOARCH=arm64 CGO_ENABLED=0 $(GO) test -short -count=1 -exec $(QEMU_ARM64)
arm64:
	@command -v $(QEMU_ARM64) >/dev/null || { echo "$(QEMU_ARM64) is missing: install qemu-user (apt-get install qemu-user), or set QEMU_ARM64 to an emulator of arm64"; exit 1; }
	$(ARM64_TEST) ./internal/kernel
	TRIPARTITE_KERNEL=neon $(ARM64_TEST) ./tensor ./attention .
	TRIPARTITE_KERNEL=portable $(ARM64_TEST) ./tensor ./attention .

# One fuzz target at a time, as go test wants it.
fuzz:
	@for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "== $$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$pkg || exit 1; \
		done; \
	done

bench: ## tokens/s, ns/token of the circuit, bytes per memory
	$(GO) test -run '^$$' -bench . -benchmem . ./attention ./nn ./model ./network ./input/...

generate: ## rewrite the assembly from its descriptions; a test tells when that is due
	$(GO) generate ./internal/kernel

# MODEL is a folder with all-MiniLM-L6-v2. Without PYTHON, a virtual environment is made for what is compared with,
# of 6 GB, as torch comes with libraries for graphics cards. FLAGS go to the script: FLAGS=--quick tries it out.
BENCH = tools/bench
ifeq ($(origin PYTHON),file)
PEERS = $(BENCH)/.venv/bin/python
PEERS_READY = $(BENCH)/.venv/ready
else
PEERS = $(PYTHON)
PEERS_READY =
endif

bench-peers: $(PEERS_READY) ## compare with PyTorch and ONNX Runtime in turns; writes docs/performance.md
	@test -n "$(MODEL)" || { echo "set MODEL to a folder with all-MiniLM-L6-v2: make bench-peers MODEL=path/to/it"; exit 1; }
	$(PEERS) $(BENCH)/peers.py --model "$(MODEL)" $(FLAGS)

$(BENCH)/.venv/ready: $(BENCH)/requirements.txt
	$(PYTHON) -m venv $(BENCH)/.venv
	$(BENCH)/.venv/bin/pip install -r $(BENCH)/requirements.txt
	touch $@

# Brian2 has an environment of its own, without torch; what it compiles stays in there. Needs a C++ compiler.
BRIAN = $(BENCH)/.venv-brian2
ifeq ($(origin PYTHON),file)
BRIAN_PYTHON = $(BRIAN)/bin/python
BRIAN_READY = $(BRIAN)/ready
else
BRIAN_PYTHON = $(PYTHON)
BRIAN_READY =
endif

bench-dynamics: $(BRIAN_READY) ## compare the rate level with Brian2 in turns; writes docs/performance.md
	$(BRIAN_PYTHON) $(BENCH)/dynamics.py --builds $(BRIAN)/builds $(FLAGS)

$(BRIAN)/ready: $(BENCH)/requirements-brian2.txt
	$(PYTHON) -m venv $(BRIAN)
	$(BRIAN)/bin/pip install -r $(BENCH)/requirements-brian2.txt
	touch $@

bench-peers-test: ## the script's own tests, which need Python alone
	$(PYTHON) -m unittest discover $(BENCH)

golden: ## regenerate the golden files from Hugging Face transformers; see tools/ref/README.md
	$(PYTHON) tools/ref/tokenizer.py tables
	$(PYTHON) tools/ref/tokenizer.py unicode
	$(PYTHON) tools/ref/tokenizer.py random
	$(PYTHON) tools/ref/subwords.py tables
	$(PYTHON) tools/ref/subwords.py random
	$(PYTHON) tools/ref/models.py random
	$(PYTHON) tools/ref/backward.py
	$(PYTHON) tools/ref/training.py
	$(PYTHON) tools/ref/safetensors_files.py
	$(PYTHON) tools/ref/npz_files.py
	$(PYTHON) tools/ref/images.py
	$(PYTHON) tools/ref/sounds.py
	$(PYTHON) tools/ref/answers.py

clean:
	rm -rf bin report
