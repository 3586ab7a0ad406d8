/* An event that one thread raises and another waits for with poll(): an eventfd(2). Several raises before it
 * is cleared count as one. Close it with close(). */
#ifndef ROOMSTREAM_CORE_EVENT_H
#define ROOMSTREAM_CORE_EVENT_H

/* A descriptor that is readable (POLLIN) while the event is raised; -1 with errno when there is none left. */
int event_open(void);

/* Raises the event. Any thread, and from a signal handler; errno is kept. */
void event_raise(int event);

/* Clears the event, if it is raised. */
void event_clear(int event);

#endif
