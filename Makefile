.PHONY: help demo test test-fast examples test-faults soak asan fuzz bench bench-queue upkeep micro build format lint clean

help:
	@echo "make demo    a tour of the store, on a throwaway MariaDB"
	@echo "make test-fast  the tests that need no server, in less than a minute"
	@echo "make test    all tests, on a throwaway MariaDB and a throwaway MySQL, and the examples"
	@echo "             (SERVERS=mariadb: on that one only; MYSQL_URL=...: on servers that run already; TSAN=0: no ThreadSanitizer; EXAMPLES=0: no examples; LEAN=1: the quickest build)"
	@echo "make examples  builds and tests the examples, on a throwaway MariaDB and in a headless browser"
	@echo "make test-faults  faults of network and servers at length, on clusters too, and a report"
	@echo "make soak    half an hour of full load with random faults, and charts (SOAK_SECONDS=1800)"
	@echo "make asan    the tests under AddressSanitizer"
	@echo "make bench   the benchmark, on a throwaway MariaDB and a throwaway MySQL"
	@echo "             (QUICK=1: short; SERVER=mariadb|mysql; BASELINE=COMMIT: with the version before; OUT=FILE: figures as JSON;"
	@echo "             REPORT=1: into docs/benchmarks.md; CELLS=\"get:8@0 cas:8@2000\": some of it; Scripts/bench.sh says more)"
	@echo "make bench-queue  the benchmark of the message queue, against C programs on the same table, on both servers"
	@echo "             (QUICK=1: short; SERVER=mariadb|mysql; LONG=1: after ten million messages; REPORT=1: into docs/benchmarks.md)"
	@echo "make upkeep  what sweeping two million expired rows costs concurrent writers, on both servers"
	@echo "             (QUICK=1: 200,000 rows; SERVER=mariadb|mysql)"
	@echo "make micro   microbenchmarks of keys and values, and the allocations of a get and a set"
	@echo "make fuzz    fuzzes keys, values, URLs, the pipe and packets, ten minutes each (SECONDS_EACH=600, SUBJECTS=\"key value url pipe packets\")"
	@echo "make build   a debug build"
	@echo "make format  formats the sources, and copies the code of Snippets into the documentation"
	@echo "make lint    checks formatting, prose, and the code that the documentation shows"
	@echo "make clean   removes what was built"

demo:
	@Scripts/demo.sh

test-fast:
	@Scripts/test.sh fast

test:
	@Scripts/test.sh

examples:
	@Scripts/examples.sh

test-faults:
	@Scripts/test.sh faults

soak:
	@Scripts/test.sh soak

asan:
	@Scripts/test.sh asan

fuzz:
	@Scripts/fuzz.sh

bench:
	@Scripts/bench.sh compare

bench-queue:
	@Scripts/bench.sh queue

upkeep:
	@Scripts/bench.sh upkeep

micro:
	@Scripts/bench.sh micro

build:
	@Scripts/install.sh build
	swift build

format:
	@Scripts/test.sh format

lint:
	@Scripts/test.sh lint

clean:
	rm -rf .build .build-baseline .build-baseline-contestant .build-demo .build-examples .build-tsan .build-asan .build-soak .build-fuzz Examples/*/.build Benchmarks/.build Benchmarks/Contestant/.build Benchmarks/Micro/.build
