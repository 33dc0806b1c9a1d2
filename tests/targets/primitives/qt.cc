// SPDX-License-Identifier: MIT
// qt.cc - Qt's mutex and semaphore, see locks.h.
#include <QMutex>
#include <QSemaphore>

#define LOCK QMutex
#define NAME "QMutex"
#define take(l) (l).lock()
#define give(l) (l).unlock()
#include "locks.h"

static QSemaphore sem;

static void zoo()
{
	take(first_lock);
	keeps("QMutex", [] { take_second(first_lock); });
	keeps("QSemaphore", [] { sem.acquire(); });
}
