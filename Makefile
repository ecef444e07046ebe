# Needs Python 3.11, make and git; everything else is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DIST := dist
export AMICOPY_AWS ?= sandbox
# What Python compiles is kept, whatever the environment says: the tests start amicopy as a process many times.
export PYTHONDONTWRITEBYTECODE :=

# How many processes run the tests side by side, one more than there are cores unless given; each has its own database,
# ports, queue and sandbox.
WORKERS ?= auto
PYTEST := $(BIN)/python -m pytest -n $(WORKERS)

.PHONY: help run test test-all check cli lock docs fuzz chaos soak image nightly mutants security-faults bench screenshots clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(VENV)/.installed: requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements-dev.txt
	@touch $@

run: $(VENV)/.installed ## start everything on this machine; PORT=8001 for another port
	@$(BIN)/python manage.py run

test: $(VENV)/.installed ## run the tests but for the slow ones, a few minutes; WORKERS=1 for one after the other
	$(PYTEST) -p no:schemathesis -m "not slow"

test-all: $(VENV)/.installed ## run all tests, those in a browser and those that kill and wait too; ONLY="not browser" for some
	$(PYTEST) $(if $(ONLY),-m "$(ONLY)")

check: $(VENV)/.installed ## format, lint, types, Django's checks, missing migrations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/djangofmt --check --quiet templates
	$(BIN)/python -m mypy
	$(BIN)/python manage.py check
	@key=$$($(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(60))'); \
	seal=$$($(BIN)/python manage.py make_encryption_key); \
	audit=$$($(BIN)/python manage.py make_audit_key 2>/dev/null | sed -n 's/^AUDIT_PRIVATE_KEY=//p'); \
	echo 'manage.py check --deploy, as in production'; \
	AMICOPY_AWS=aws SECRET_KEY=$$key AUDIT_SIGNING_KEY=a$$key ALLOWED_HOSTS=amicopy.example \
	AUDIT_PRIVATE_KEY=$$audit AUDIT_HEAD_DIR=heads ENCRYPTION_KEYS=$$seal TRUSTED_PROXIES=127.0.0.1 \
	DATABASE_URL=postgres://amicopy@127.0.0.1/amicopy CELERY_BROKER_URL=amqp://127.0.0.1// \
	$(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/python manage.py makemigrations --check --dry-run

cli: $(VENV)/.installed ## make the command line, one file to copy: dist/amicopy
	rm -rf $(DIST)/cli
	$(BIN)/uv pip install --quiet --target $(DIST)/cli --python-version 3.11 --require-hashes --only-binary :all: \
		-r amicopy/cli/requirements.txt
	cp -RL amicopy/cli/amicopy_cli $(DIST)/cli/
	rm -rf $(DIST)/cli/bin $(DIST)/cli/.lock $(DIST)/cli/amicopy_cli/__pycache__
	$(BIN)/python -m zipapp $(DIST)/cli --compress --python '/usr/bin/env python3' --main amicopy_cli.main:main \
		--output $(DIST)/amicopy
	chmod 755 $(DIST)/amicopy
	rm -rf $(DIST)/cli

lock: $(VENV)/.installed ## pin the dependencies of pyproject.toml anew, with hashes
	$(BIN)/uv pip compile pyproject.toml --quiet --universal --upgrade --generate-hashes --no-header -o requirements.txt
	$(BIN)/uv pip compile pyproject.toml --quiet --universal --upgrade --generate-hashes --no-header --group dev -o requirements-dev.txt
	$(BIN)/uv pip compile amicopy/cli/pyproject.toml --quiet --universal --upgrade --generate-hashes --no-header -o amicopy/cli/requirements.txt

docs: $(VENV)/.installed ## write docs/copyimage.md and docs/command-line.md from the tables of members and rules, and the commands
	$(BIN)/python -m tests.copies.rules.reference
	PYTHONPATH=amicopy/cli $(BIN)/python -m tests.cli.reference members
	PYTHONPATH=amicopy/cli $(BIN)/python -m tests.cli.reference commands

fuzz: $(VENV)/.installed ## send 20,000 generated submissions to the form, garbage to every address and to the server; FUZZ_SUBMISSIONS=500 for fewer
	$(BIN)/python -m tests.web.fuzz

chaos: $(VENV)/.installed ## kill and cut off everything while 300 copies are made, with steps; CHAOS='--stack servers --seed 1'
	$(BIN)/python -m benchmarks.chaos $(CHAOS)

soak: $(VENV)/.installed ## 20 minutes at 50 requests a minute: nothing grows; SOAK='--minutes 5'
	$(BIN)/python -m benchmarks.soak $(SOAK)

image: $(VENV)/.installed ## build deploy/Containerfile on Debian's Python and run deploy/compose.yaml's services of it, as root
	DJANGO_SETTINGS_MODULE=amicopy.settings $(BIN)/python -m tests.deploy.image

nightly: $(VENV)/.installed ## what is too long for .ci/run: outages of a minute, the soak, the image, chaos with lists that lag, more faults
	OUTAGE_SECONDS=60 AMICOPY_AWS=sandbox $(BIN)/python -m pytest -s tests/journey/test_outages.py tests/journey/test_database_outage.py
	$(BIN)/python -m benchmarks.soak $(SOAK)
	$(MAKE) image
	$(BIN)/python -m benchmarks.chaos --hidden 60 --requests 100
	$(BIN)/python -m benchmarks.chaos --stack servers --hidden 60 --requests 100
	$(BIN)/python -m tests.mutants --every 20

mutants: $(VENV)/.installed ## put faults into what carries the promises, each for the tests to catch; MUTANTS="--every 20" for some
	$(BIN)/python -m tests.mutants $(MUTANTS)

security-faults: $(VENV)/.installed ## put a fault into a copy for each row of SECURITY.md, for its tests to find; FAULTS="--rows 10-20" for some
	$(BIN)/python -m tests.security_faults $(FAULTS)

bench: $(VENV)/.installed ## measure into docs/benchmarks.md and benchmarks/results.json; TOPICS="audit web" for some
	$(BIN)/python -m benchmarks $(TOPICS)

screenshots: $(VENV)/.installed ## pictures of every screen into docs/screenshots; SCREENS='dashboard audit' for some
	DJANGO_SETTINGS_MODULE=amicopy.settings $(BIN)/python -m tests.journey.screens $(SCREENS)

clean: ## remove the environment and everything that `make run` keeps
	rm -rf $(VENV) var dist staticfiles .mypy_cache .ruff_cache .pytest_cache .hypothesis mutants
