/* SPDX-License-Identifier: MIT */
/*
 * same.h - several events that one function of model/ reads: what it asks for stands at the same
 * place in all of them. Whoever moves an argument in events.def and forgets one of them is told
 * here.
 */
#ifndef FR_MODEL_SAME_H
#define FR_MODEL_SAME_H

#include "read/events.h"

/* sockets.c */
FR_SAME_PLACE(NET_SEND, NET_RECV, fd);
FR_SAME_PLACE(NET_SEND, NET_RECV, result);
FR_SAME_PLACE(NET_SOCKET, NET_LISTEN, fd);
FR_SAME_PLACE(NET_SOCKET, NET_CONNECT, fd);
FR_SAME_PLACE(NET_SOCKET, NET_CONNECTED, fd);
FR_SAME_PLACE(NET_SOCKET, NET_CLOSE, fd);
FR_SAME_PLACE(NET_CONNECT, NET_CONNECTED, peer);

/* descriptors.c */
FR_SAME_PLACE(IO_WRITE, NET_SEND, dur);
FR_SAME_PLACE(IO_READ, IO_WRITE, fd);
FR_SAME_PLACE(IO_READ, IO_WRITE, kind);
FR_SAME_PLACE(IO_READ, IO_WRITE, result);

/* wakers.c */
FR_SAME_PLACE(BARRIER_WAIT, ONCE, dur);

/* pass.c */
FR_SAME_PLACE(MUTEX_UNLOCK, RWLOCK_UNLOCK, contended);
FR_SAME_PLACE(MUTEX_UNLOCK, SPIN_UNLOCK, contended);
FR_SAME_PLACE(NET_RECV, IO_READ, result);
FR_SAME_PLACE(MUTEX_LOCK, RWLOCK_RDLOCK, lock);
FR_SAME_PLACE(MUTEX_LOCK, RWLOCK_WRLOCK, lock);
FR_SAME_PLACE(MUTEX_LOCK, SPIN_LOCK, lock);
FR_SAME_PLACE(MUTEX_LOCK, MUTEX_UNLOCK, lock);
FR_SAME_PLACE(MUTEX_LOCK, RWLOCK_UNLOCK, lock);
FR_SAME_PLACE(MUTEX_LOCK, SPIN_UNLOCK, lock);
FR_SAME_PLACE(MUTEX_LOCK, RWLOCK_RDLOCK, err);
FR_SAME_PLACE(MUTEX_LOCK, RWLOCK_WRLOCK, err);
FR_SAME_PLACE(MUTEX_LOCK, SPIN_LOCK, err);
FR_SAME_PLACE(COND_SIGNAL, COND_BROADCAST, cond);

#endif
