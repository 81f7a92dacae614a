/* A Modbus server on libmodbus, to be read by the gateway: `modbus_server tcp PORT` or `modbus_server rtu DEVICE`.
 *
 * Holding register n holds n, input register n holds n + 0x4000, coil and discrete input n are set where n % 3 == 0.
 * Nothing lies above register 999: a read beyond it is answered with exception 2 by libmodbus itself. Prints the port
 * (or 0) when it listens, and ends with its standard input.
 */
#include <errno.h>
#include <modbus.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>

enum { COUNT = 1000, UNIT = 17 };

static int is_over(void) {
    struct pollfd input = {.fd = 0, .events = POLLIN};
    char byte;
    return poll(&input, 1, 0) > 0 && read(0, &byte, 1) <= 0;
}

static void serve(modbus_t *bus, modbus_mapping_t *map) {
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    while (!is_over()) {
        int length = modbus_receive(bus, query);
        if (length > 0)
            modbus_reply(bus, query, length, map);
        else if (length < 0 && errno != ETIMEDOUT && errno != EMBBADCRC)
            return;
    }
}

static int port_of(int listener) {
    struct sockaddr_in name;
    socklen_t size = sizeof name;
    return getsockname(listener, (struct sockaddr *)&name, &size) == 0 ? ntohs(name.sin_port) : -1;
}

int main(int argc, char **argv) {
    if (argc != 3)
        return 2;
    int is_tcp = strcmp(argv[1], "tcp") == 0;
    modbus_t *bus = is_tcp ? modbus_new_tcp("127.0.0.1", atoi(argv[2])) : modbus_new_rtu(argv[2], 115200, 'N', 8, 1);
    modbus_mapping_t *map = modbus_mapping_new(COUNT, COUNT, COUNT, COUNT);
    if (bus == NULL || map == NULL)
        return 1;
    for (int n = 0; n < COUNT; n++) {
        map->tab_registers[n] = n;
        map->tab_input_registers[n] = n + 0x4000;
        map->tab_bits[n] = map->tab_input_bits[n] = n % 3 == 0;
    }
    modbus_set_slave(bus, UNIT);
    modbus_set_indication_timeout(bus, 0, 200000);
    if (is_tcp) {
        int listener = modbus_tcp_listen(bus, 1);
        printf("%d\n", port_of(listener));
        fflush(stdout);
        if (modbus_tcp_accept(bus, &listener) < 0)
            return 1;
    } else {
        if (modbus_connect(bus) < 0)
            return 1;
        printf("0\n");
        fflush(stdout);
    }
    serve(bus, map);
    modbus_close(bus);
    return 0;
}
