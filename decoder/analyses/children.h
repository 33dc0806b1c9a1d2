/* SPDX-License-Identifier: MIT */
/*
 * children.h - a thread that waits for a child which is stuck itself.
 */
#ifndef FR_ANALYSES_CHILDREN_H
#define FR_ANALYSES_CHILDREN_H

#include "analyses/analysis.h"

struct child_view;

/*
 * Adds a finding for the first thread that waits for a child which hangs; true if there is one. The
 * child is looked at as it is now, in its own region.
 */
bool fr_child_stuck(struct analysis *a);

#endif
