# Builds _ed25519 as a user C module, in ports that use CMake (esp32, rp2):
#
#   idf.py -DUSER_C_MODULES=.../shared/ed25519/micropython.cmake -DMONOCYPHER_DIR=... build
#
# MONOCYPHER_DIR  directory that holds monocypher.c and monocypher.h

if(NOT EXISTS "${MONOCYPHER_DIR}/monocypher.c")
    message(FATAL_ERROR "MONOCYPHER_DIR must name the directory of monocypher.c")
endif()

add_library(usermod_ed25519 INTERFACE)
target_sources(usermod_ed25519 INTERFACE ${CMAKE_CURRENT_LIST_DIR}/usermod.c)
target_include_directories(usermod_ed25519 INTERFACE ${CMAKE_CURRENT_LIST_DIR} ${MONOCYPHER_DIR})
# The options are for this file only. With the scheduler, gf_mul needs more registers than there
# are.
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/usermod.c
    PROPERTIES COMPILE_OPTIONS "-O2;-fno-schedule-insns;-fno-inline-functions")
target_link_libraries(usermod INTERFACE usermod_ed25519)
