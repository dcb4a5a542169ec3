# Commands of this repository; `make help` lists them. Everything they need is set up on first use.

PYTHON ?= python3
VENVS ?= .venvs
PORT ?= 3000
DEV := $(VENVS)/dev/bin
BENCH := $(VENVS)/bench/bin
SAM := $(VENVS)/sam/bin/sam
HAVE_PYTHON = command -v $(PYTHON) >/dev/null || \
  { echo "$(PYTHON) is not on the PATH: install Python 3.11 or later, or choose one with PYTHON=" >&2; exit 1; }

export VENVS
# The token of operators' commands for a deployed stack.
export TOKEN := $(TOKEN)
export SAM_CLI_TELEMETRY := 0
# Tests and the local stack start hundreds of Pythons: each would compile anew what it imports where this is off.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(abspath $(VENVS))/pycache

.DEFAULT_GOAL := help
.PHONY: help run test screenshots check search lint lint-python lint-template lint-security format build deploy bench prove fuzz load security \
  cli token event sync fleet-check cordon quota api-key audit restore-drill openapi setup setup-stack setup-ironic setup-dev lock clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup-stack $(if $(filter ironic,$(PROVIDER)),setup-ironic) ## the whole application on this machine, on http://127.0.0.1:3000 (PROVIDER=ironic over a real Ironic; PORT= STATE= ARGS=)
	@exec $(DEV)/python -m tools.run --port "$(PORT)" --state "$(STATE)" --venvs "$(VENVS)" --provider "$(PROVIDER)" $(ARGS)

test: setup ## every test (ARGS= for pytest)
	@$(DEV)/python -m tools.suite "$(VENVS)" $(ARGS)

screenshots: setup-stack ## the pictures of the console in docs/console, by its story in Chromium (ARGS= for pytest)
	@SCREENSHOTS=1 CHROMIUM_REQUIRED=1 $(DEV)/pytest tests/e2e/test_console_story.py -q $(ARGS)

check: setup-dev ## the edit loop: format, lint, types, and the quick tests of the rooms that changed (SINCE= ARGS=)
	@$(DEV)/python -m tools.check "$(VENVS)" --since "$(SINCE)" $(ARGS)

search: setup-dev ## test the properties with many new examples, before a release (SEARCH_TIMES=20 ARGS=)
	@$(DEV)/pytest tests -m hypothesis --hypothesis-profile=search --timeout=0 -n 2 --dist worksteal $(ARGS)

lint: lint-python lint-template lint-security ## ruff, mypy, import-linter, cfn-lint, sam validate, bandit, detect-secrets

lint-python: setup-dev
	$(DEV)/ruff check .
	$(DEV)/ruff format --check .
	$(DEV)/mypy
	PYTHONPATH=layers/shared $(DEV)/lint-imports --no-logo --no-cache

lint-template: setup-stack
	$(DEV)/cfn-lint template.yaml docs/events/*.yaml
	$(SAM) validate --lint --region us-east-1

lint-security: setup-dev
	@$(PYTHON) tools/set_up.py security
	$(DEV)/python -m tools.security --quick

format: setup-dev ## format the Python code and fix lint errors
	$(DEV)/ruff check --fix-only .
	$(DEV)/ruff format .

build: setup-stack ## sam build into .aws-sam (RUNTIME=python3.12 where python3.13 is missing, ARGS=)
	@$(DEV)/python -m tools.build --sam $(SAM) --runtime "$(RUNTIME)" -- $(ARGS)

deploy: setup-stack ## sam build and sam deploy to your AWS account, as samconfig.toml says (RUNTIME= ARGS=)
	@$(DEV)/python -m tools.build --deploy --sam $(SAM) --runtime "$(RUNTIME)" -- $(ARGS)

bench: ## cost, contention, placement quality: docs/benchmarks.md (NODES= TRACE= for a real trace, ARGS=--quick; peers: sh benchmarks/peers/slurm.sh, placement.sh)
	@$(HAVE_PYTHON)
	@$(PYTHON) tools/set_up.py bench
	@PYTHONPATH=layers/shared $(BENCH)/python -m benchmarks --nodes "$(NODES)" --trace "$(TRACE)" $(ARGS)

prove: setup-dev ## check the promises with faults for an hour; the next run continues (QUICK=1 MINUTES= JOBS= SEED= HISTORY= REPLAY= MODEL=1 REPORT=1)
	@PYTHONPATH=layers/shared $(DEV)/python -m proof --quick "$(QUICK)" --minutes "$(MINUTES)" --jobs "$(JOBS)" \
	  --seed "$(SEED)" --history "$(HISTORY)" --replay "$(REPLAY)" --model "$(MODEL)" --report "$(REPORT)"

token: setup-dev ## a bearer token for the local stack: make -s token ORG= PROJECT= [PERMISSIONS= SUBJECT= TTL= STATE=]
	@$(DEV)/python -m tools.dev_token --org "$(ORG)" --project "$(PROJECT)" --permissions "$(PERMISSIONS)" \
	  --subject "$(SUBJECT)" --ttl "$(TTL)" --state "$(STATE)"

event: setup-dev ## a sample event, complete, with a fresh token: make -s event NAME=create_reservation/full (STATE=)
	@PYTHONPATH=layers/shared $(DEV)/python -m tools.event --name "$(NAME)" --state "$(STATE)"

sync: setup-dev ## run the scheduled inventory sync now (STACK= SEQUENCE= STATE=; Error 1 if refused, Error 3 if parts are deferred)
	@PYTHONPATH=layers/shared $(DEV)/python -m tools.sync --sequence "$(SEQUENCE)" --stack "$(STACK)" --state "$(STATE)"

fleet-check: setup-dev ## show what a source of the fleet would change and which holders it would touch: make fleet-check FILE=|SOURCE= [CATALOGUE= NETBOX=] (STACK= STATE=)
	@PYTHONPATH=layers/shared $(DEV)/python -m tools.fleet_check --file "$(FILE)" --source "$(SOURCE)" \
	  --catalogue "$(CATALOGUE)" --netbox "$(NETBOX)" --stack "$(STACK)" --state "$(STATE)"

cordon: setup-dev ## what takes no new holder: make cordon [REGION= POD= DOMAIN= HOST= REASON= LIFT=1] (STACK= with TOKEN=, STATE=)
	@PYTHONPATH=layers/shared $(DEV)/python -m tools.cordon --region "$(REGION)" --pod "$(POD)" --domain "$(DOMAIN)" \
	  --host "$(HOST)" --reason "$(REASON)" --lift "$(LIFT)" --stack "$(STACK)" --state "$(STATE)"

quota: setup-dev ## show or set a quota: make quota ORG= SUBJECT= [LIMIT=] (STACK= with TOKEN= for a deployed stack, STATE=)
	@PYTHONPATH=layers/shared $(DEV)/python -m tools.quota --org "$(ORG)" --subject "$(SUBJECT)" \
	  --limit "$(LIMIT)" --stack "$(STACK)" --state "$(STATE)"

api-key: setup-dev ## API keys of the VM API: make -s api-key ORG= [SUBJECT= SCOPE= NAME= | REVOKE=] (STACK= with TOKEN=, STATE=)
	@PYTHONPATH=layers/shared $(DEV)/python -m tools.api_key --org "$(ORG)" --subject "$(SUBJECT)" \
	  --scope "$(SCOPE)" --name "$(NAME)" --revoke "$(REVOKE)" --stack "$(STACK)" --state "$(STATE)"

audit: setup-dev ## check whether holders and pods agree: make audit [STACK= STATE=] (FIX=all REASON=…, ARGS=--json)
	@PYTHONPATH=layers/shared $(DEV)/python -m tools.audit --stack "$(STACK)" --state "$(STATE)" $(ARGS) $(if $(FIX),--reason "$(REASON)" --fix $(filter-out all,$(FIX)))

restore-drill: setup-dev ## rehearse a restore of both tables beside them: make restore-drill [SECOND= KEEP=1] (STACK= STATE= ARGS=--json)
	@PYTHONPATH=layers/shared $(DEV)/python -m tools.restore_drill --second "$(SECOND)" --keep "$(KEEP)" \
	  --stack "$(STACK)" --state "$(STATE)" $(ARGS)

fuzz: setup-stack ## send valid and invalid requests made from schemas to a separate stack (EXAMPLES= SEED= DOCUMENT= ARGS=--report)
	@$(PYTHON) tools/set_up.py fuzz
	@PYTHONPATH=layers/shared $(DEV)/python -m tools.fuzz --examples "$(EXAMPLES)" --seed "$(SEED)" \
	  --document "$(DOCUMENT)" $(ARGS)

load: setup-stack ## let 64 clients create and delete on a separate stack (CLIENTS= DURATION= ARGS=--report)
	@PYTHONPATH=layers/shared $(DEV)/python -m tools.load --clients "$(CLIENTS)" --seconds "$(DURATION)" $(ARGS)

security: setup-dev ## bandit, detect-secrets, checkov and, if a database is reachable, pip-audit (ARGS=--quick)
	@$(PYTHON) tools/set_up.py security checkov
	@$(DEV)/python -m tools.security $(ARGS)

openapi: setup-dev ## write docs/openapi.json from the models, the routes in template.yaml, and the Python client in cli/
	PYTHONPATH=layers/shared $(DEV)/python -m tools.openapi
	PYTHONPATH=layers/shared:cli $(DEV)/python -m tools.python_client

setup: ## the virtual environments in .venvs (every command does this by itself)
	@$(HAVE_PYTHON)
	@$(PYTHON) tools/set_up.py dev sam emulator ironic bench cli

setup-stack:
	@$(HAVE_PYTHON)
	@$(PYTHON) tools/set_up.py dev sam emulator cli

cli: ## the command line gpucap, in .venvs/cli/bin (pipx install ./cli puts it on your PATH)
	@$(HAVE_PYTHON)
	@$(PYTHON) tools/set_up.py cli
	@$(VENVS)/cli/bin/gpucap --version

setup-ironic:
	@$(HAVE_PYTHON)
	@$(PYTHON) tools/set_up.py ironic

setup-dev:
	@$(HAVE_PYTHON)
	@$(PYTHON) tools/set_up.py dev

# Versions change only here. The layer comes first: what tests and tools import is constrained to its versions.
COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" $(VENVS)/uv/bin/uv pip compile --quiet --universal --generate-hashes \
  --no-emit-index-url --no-annotate --python-version 3.11
lock: setup-dev ## recompile the lock files after an edit of a *.in file (ARGS=--upgrade for newer versions)
	$(COMPILE) $(ARGS) requirements/uv.in -o requirements/uv.txt
	$(COMPILE) $(ARGS) layers/shared/requirements.in -o layers/shared/requirements.txt
	$(COMPILE) $(ARGS) requirements/dev.in -c layers/shared/requirements.txt -o requirements/dev.txt
	$(COMPILE) $(ARGS) layers/ironic/requirements.in -c requirements/dev.txt -o layers/ironic/requirements.txt
	$(COMPILE) $(ARGS) cli/pyproject.toml requirements/cli.in -c requirements/dev.txt -o requirements/cli.txt
	$(COMPILE) $(ARGS) requirements/sam.in -o requirements/sam.txt
	$(COMPILE) $(ARGS) requirements/emulator.in -o requirements/emulator.txt
	$(COMPILE) $(ARGS) requirements/bench.in -c requirements/dev.txt -o requirements/bench.txt
	$(COMPILE) $(ARGS) requirements/ironic.in -o requirements/ironic.txt
	$(COMPILE) $(ARGS) requirements/fuzz.in -o requirements/fuzz.txt
	$(COMPILE) $(ARGS) requirements/security.in -o requirements/security.txt
	$(COMPILE) $(ARGS) requirements/checkov.in -o requirements/checkov.txt

clean: ## delete the local stack's state in .local, builds and caches (.venvs stay)
	@$(HAVE_PYTHON)
	@$(PYTHON) -m tools.clean
