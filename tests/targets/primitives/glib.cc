// SPDX-License-Identifier: MIT
// glib.cc - GLib's mutex and condition, see locks.h.
#include <glib.h>

#define LOCK GMutex
#define NAME "GLib GMutex"
#define take(l) g_mutex_lock(&(l))
#define give(l) g_mutex_unlock(&(l))
#include "locks.h"

static GCond cond;
static GMutex of_cond;
static gint bits;

static void zoo()
{
	take(first_lock);
	keeps("GLib GMutex", [] { take_second(first_lock); });
	keeps("GLib GCond", [] { take(of_cond), g_cond_wait(&cond, &of_cond); });
	g_bit_lock(&bits, 0);
	keeps("GLib bit lock", [] { g_bit_lock(&bits, 0); });
}
