/* SPDX-License-Identifier: MIT */
/*
 * analysis.h - from a model to findings: sentences with numbers and evidence.
 *
 * A rule is one function in a file of its own and one row in rules.def. It looks at the model,
 * adds findings or none, and says whether it could judge at all. A verdict that names a culprit
 * must be right: where the recording cannot prove it, a rule says nothing. All text in a finding
 * is already safe for a terminal and lives as long as the analysis.
 */
#ifndef FR_ANALYSIS_H
#define FR_ANALYSIS_H

#include "analyses/names.h"
#include "model/model.h"

enum severity {
	SEVERITY_INFO,
	SEVERITY_WARN,
	SEVERITY_CRIT,
};

enum rule_result {
	RULE_OK, /* nothing was found; fine only if nothing was missing */
	RULE_FOUND,
	RULE_NO_DATA, /* it did not run */
};

struct analysis;

struct rule {
	const char *name;
	enum rule_result (*run)(struct analysis *a);
	enum severity severity; /* of its findings, unless the rule decides */
	unsigned int needs; /* bits: needs.h */
	const char *ok; /* what it means that nothing was found where nothing was missing */
};

/* A further line of a finding: text, and the place in the program it is about (may be NULL). */
struct finding_line {
	const char *text;
	const char *site;
};

struct finding_stack {
	const char *label; /* "T4 writer waits here" */
	uint32_t stack;
	const struct frame *frames; /* of another process, where `stack` is 0 */
	size_t n_frames;
};

#define FINDING_THREADS 64
#define FINDING_STACKS 16
#define FINDING_LINES 16
#define FINDING_EVENTS 16

struct finding {
	const struct rule *rule;
	enum severity severity;
	unsigned int score; /* 0..100 */
	const char *title;
	const char *site; /* the place to look at first; NULL = none */
	const char *why;
	const char *next;
	uint64_t impact_ns; /* thread time */
	uint64_t rank; /* impact inside the common window: order among equals */
	uint32_t threads[FINDING_THREADS]; /* indices, the culprit first */
	size_t n_threads;
	struct finding_stack stacks[FINDING_STACKS];
	size_t n_stacks;
	struct finding_line lines[FINDING_LINES];
	size_t n_lines;
	uint64_t events[FINDING_EVENTS]; /* evidence: event ids */
	size_t n_events;
	bool show_stacks; /* the stacks are the message: print them in the report */
};

struct analysis {
	const struct model *m;
	struct names *names;
	struct finding **findings; /* after fr_analysis_run(): by severity and score, F1 first */
	size_t n;
	size_t cap;
	enum rule_result *results; /* by rule */
	const char *seen; /* how much was seen of the threads, where that is not all; else NULL */
	const char **missing; /* by rule that found nothing: why that is no verdict; NULL = fine */
	const struct rule *now; /* the rule that runs */
	uint64_t *explained; /* by lock: waiting that a finding has explained already */
	struct child_view *child; /* the stuck child that a finding tells of; NULL = none */
	void (*child_close)(struct child_view *c);
	/* what a rule needs to look at another process: children.c */
	struct analysis *(*run_child)(const struct model *m, struct names *names);
	void (*free_child)(struct analysis *a);
	bool is_child; /* somebody's child is looked at: not its children too */
	bool *in_cycle; /* by thread: member of a deadlock or behind one */
};

extern const struct rule fr_rules[];
extern const size_t fr_n_rules;

struct analysis *fr_analysis_run(const struct model *m, struct names *names);
void fr_analysis_free(struct analysis *a);
const char *fr_severity_name(enum severity s); /* "crit" */

/* ---- for rules ------------------------------------------------------------------------------- */

struct finding *fr_finding_new(struct analysis *a);
void fr_finding_line(struct finding *f, const char *text, const char *site);
void fr_finding_stack(struct finding *f, const char *label, uint32_t stack);
void fr_finding_frames(struct finding *f, const char *label, const struct frame *frames, size_t n);
void fr_finding_thread(struct finding *f, uint32_t thread); /* once each */
void fr_finding_event(struct finding *f, uint64_t id);
unsigned int fr_score(uint64_t value, uint64_t half); /* 50 at HALF, towards 100 beyond */
enum severity fr_severity_of(unsigned int score);
/* Whether the class was recorded at all. */
bool fr_recorded(const struct analysis *a, enum fr_class klass);
/* An open wait for a lock that has no time limit, or NULL. */
const struct span *fr_open_lock_wait(const struct analysis *a, uint32_t thread);
/* Whether all that LOCK ever cost was threads that waited while the process started. */
bool fr_only_at_start(const struct analysis *a, uint32_t lock);
/* S waits for a futex lock: the wait by which its own thread has taken that lock, or NULL. */
const struct span *fr_futex_taken_before(const struct analysis *a, const struct span *s);
/* Too old for a passing moment of a healthy program; always true of a process that is gone. */
bool fr_wait_is_old(const struct analysis *a, const struct span *s);

#define RULE(id, name, function, severity, needs, ok) enum rule_result function(struct analysis *a);
#include "analyses/rules.def"
#undef RULE

#endif
