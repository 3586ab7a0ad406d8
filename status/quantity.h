/* Numbers as a table shows them: short, with a unit. Pure functions. */
#ifndef ROOMSTREAM_STATUS_QUANTITY_H
#define ROOMSTREAM_STATUS_QUANTITY_H

#define QUANTITY_SIZE 32

/* 0, 0.4, 12, 1234, 12.3k, 4.5M. Not negative. */
void quantity_number(double number, char text[static QUANTITY_SIZE]);

/* 0.4 ms, 12 ms, 3.1 s, 5 min, 2.5 h, 3 d; "-" for negative numbers: unknown. */
void quantity_duration(double seconds, char text[static QUANTITY_SIZE]);

#endif
