// SPDX-License-Identifier: MIT
// absl.cc - Abseil's mutex, conditions and notification, see locks.h.
#include <absl/synchronization/mutex.h>
#include <absl/synchronization/notification.h>

#define LOCK absl::Mutex
#define NAME "absl::Mutex"
#define take(l) (l).Lock()
#define give(l) (l).Unlock()
#include "locks.h"

static absl::Notification never;
static absl::CondVar cond;
static absl::Mutex of_cond, of_await, of_when;
static bool no;

static int quiet = (absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore), 0);

static void zoo()
{
	take(first_lock);
	keeps("absl::Mutex", [] { take_second(first_lock); });
	keeps("absl::Notification", [] { never.WaitForNotification(); });
	keeps("absl::CondVar", [] { take(of_cond), cond.Wait(&of_cond); });
	keeps("absl::Mutex::Await", [] { take(of_await), of_await.Await(absl::Condition(&no)); });
	keeps("absl::Mutex::LockWhen", [] { of_when.LockWhen(absl::Condition(&no)); });
}
