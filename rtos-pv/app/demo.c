// SPDX-License-Identifier: GPL-2.0-or-later
/* A sensor, a filter and a reporter: a queue, a mutex, a timer and an unprivileged thread at work.
 */
#include "app.h"

#include "cmsis_os2.h"
#include "port.h"
#include "syscall.h"

#define SAMPLES 40
#define REPORTS 4

static osMessageQueueId_t samples;
static osMutexId_t lock;
static osSemaphoreId_t user_done, sensor_done;
static uint32_t sum, count, ticks;

static void sensor(void *arg)
{
	uint32_t value = 1;

	(void)arg;
	for (unsigned i = 0; i < SAMPLES; i++) {
		value = value * 1103515245 + 12345;
		uint32_t sample = value >> 24;
		osMessageQueuePut(samples, &sample, 0, osWaitForever);
		osDelay(5);
	}
	osSemaphoreRelease(sensor_done);
}

static void filter(void *arg)
{
	uint32_t sample;

	(void)arg;
	for (;;) {
		osMessageQueueGet(samples, &sample, NULL, osWaitForever);
		osMutexAcquire(lock, osWaitForever);
		sum += sample;
		count++;
		osMutexRelease(lock);
	}
}

static void beat(void *arg)
{
	(void)arg;
	ticks++;
}

static void user(void *arg)
{
	for (unsigned i = 0; i < 3; i++)
		user_syscall(SYS_DELAY, 20, 0);
	user_syscall(SYS_SEM_RELEASE, (long)arg, 0);
}

int run_demo(void)
{
	static const osThreadAttr_t high = { .name = "filter", .priority = osPriorityHigh };
	static const osThreadAttr_t in_ring3 = { .name = "user",
						 .attr_bits = osThreadUnprivileged };

	print("hello from the RTOS, port %s\n", port_name);
	samples = osMessageQueueNew(4, sizeof(uint32_t), NULL);
	lock = osMutexNew(NULL);
	user_done = osSemaphoreNew(1, 0, NULL);
	sensor_done = osSemaphoreNew(1, 0, NULL);
	osTimerId_t timer = osTimerNew(beat, osTimerPeriodic, NULL, NULL);
	osTimerStart(timer, 10);
	osThreadNew(filter, NULL, &high);
	osThreadNew(sensor, NULL, NULL);
	osThreadNew(user, user_done, &in_ring3);
	for (unsigned i = 1; i <= REPORTS; i++) {
		osDelay(60);
		osMutexAcquire(lock, osWaitForever);
		print("report %u: %u samples, mean %u\n", i, count, count ? sum / count : 0);
		osMutexRelease(lock);
	}
	osSemaphoreAcquire(sensor_done, osWaitForever);
	bool user_well = osSemaphoreAcquire(user_done, osWaitForever) == osOK;
	bool well = count == SAMPLES && ticks && user_well;
	print("%s: %u samples, sum %u, timer and ring-3 thread %s\n", well ? "well" : "NOT WELL",
	      count, sum, ticks && user_well ? "seen" : "missing");
	return well ? 0 : 1;
}

/* A neighbour for tests: its checksum and its timing must not be disturbed by others. */
int run_spin(void)
{
	static volatile uint32_t block[4096];
	uint32_t late = 0;

	for (unsigned i = 0; i < 4096; i++)
		block[i] = i * 2654435761u;
	for (unsigned round = 0; round < 50; round++) {
		uint32_t due = osKernelGetTickCount() + 10;

		osDelayUntil(due);
		if (osKernelGetTickCount() - due > 5)
			late++;
		for (unsigned i = 0; i < 4096; i++)
			if (block[i] != i * 2654435761u) {
				print("neighbour: memory changed at %u\n", i);
				return 1;
			}
	}
	print("neighbour: checksum right, %u of 50 beats late\n", late);
	return 0;
}
