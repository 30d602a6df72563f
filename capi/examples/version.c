/* Whether the library that was found at run time fits the header that this was compiled with. */
#include <stdio.h>
#include <wsframe.h>

int main(void)
{
    if (wsframe_abi_version() != WSFRAME_ABI_VERSION) {
        fprintf(stderr, "libwsframe has another interface: %u, not %u\n", wsframe_abi_version(),
                (unsigned)WSFRAME_ABI_VERSION);
        return 1;
    }
    printf("libwsframe %s, interface %u\n", wsframe_version(), wsframe_abi_version());
    return 0;
}
