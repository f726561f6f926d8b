/* A ground of an earlier server, whose warden lists its sandboxes: a thread plays the warden. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/fd.h"
#include "ipc/message.h"
#include "session/grounds_private.h"
#include "session/session.h"

static int warden_end;
static unsigned says, lists; /* how many live; how many it then names */

static void list(uint32_t serial)
{
    for (uint32_t i = 0; i < lists; i++) {
        struct message m = {
            .op = WARDEN_SANDBOX_IS, .serial = serial, .sandbox = i, .word = {SANDBOX_KERNEL, i}};
        assert_int_equal(message_send(warden_end, &m, &(int){STDIN_FILENO}, i < 100 && i % 2), 0);
    }
}

static void *warden_main(void *arg)
{
    struct message m;
    (void)arg;
    assert_int_equal(message_receive(warden_end, &m, NULL, 0), 0);
    assert_int_equal(m.op, WARDEN_HELLO);
    m.word[0] = says;
    assert_int_equal(message_send(warden_end, &m, NULL, 0), 0);
    list(m.serial);
    return NULL;
}

struct adopted {
    struct grounds *grounds;
    struct ground *ground;
    struct live_sandbox *live;
    size_t n;
};

static struct adopted adopt(unsigned warden_says, unsigned warden_lists)
{
    static const struct grounds_config config = {.one_shot = true, .folder = -1, .death_fd = -1};
    struct adopted a = {0};
    pthread_t warden;
    int s[2];
    says = warden_says;
    lists = warden_lists;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s), 0);
    warden_end = s[1];
    pthread_create(&warden, NULL, warden_main, NULL);
    assert_int_equal(grounds_new(&config, NULL, NULL, -1, &a.grounds), 0);
    struct inherited_ground from = {.id = 1, .fd = s[0], .idle_fd = -1, .environment = "base"};
    assert_int_equal(ground_adopt(a.grounds, &from, &a.ground, &a.live, &a.n), 0);
    pthread_join(warden, NULL);
    return a;
}

static void leave(struct adopted *a)
{
    for (size_t i = 0; i < a->n; i++)
        fd_close(&a->live[i].init_fd);
    free(a->live);
    grounds_free(a->grounds);
    close(warden_end);
}

static void knows_what_lives(void **state)
{
    (void)state;
    struct adopted a = adopt(100, 100);
    assert_int_equal(a.n, 100);
    for (size_t i = 0; i < a.n; i++) {
        assert_int_equal(a.live[i].id, i);
        assert_int_equal(a.live[i].kernel_serial, i);
        assert_int_equal(a.live[i].init_fd >= 0, i % 2);
    }
    leave(&a);
}

/* More than a ground has room for; and when nobody asks any more. */
static void a_list_has_an_end(void **state)
{
    (void)state;
    struct adopted a = adopt(UINT32_MAX, 20000);
    assert_in_range(a.n, 1, 16384);
    lists = 100;
    pthread_mutex_lock(&a.grounds->lock);
    a.ground->zygote[ZYGOTE_PLAIN].state = ZYGOTE_READY;
    pthread_mutex_unlock(&a.grounds->lock);
    list(0);
    struct message last = {.op = WARDEN_ZYGOTE_DIED, .word = {ZYGOTE_PLAIN}};
    assert_int_equal(message_send(warden_end, &last, NULL, 0), 0);
    pthread_mutex_lock(&a.grounds->lock);
    while (a.ground->zygote[ZYGOTE_PLAIN].state == ZYGOTE_READY)
        pthread_cond_wait(&a.grounds->changed, &a.grounds->lock);
    assert_int_equal(a.ground->hello_n, 0);
    pthread_mutex_unlock(&a.grounds->lock);
    leave(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_what_lives),
        cmocka_unit_test(a_list_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
