#include "sim/cli/app.h"

int main(int argc, char** argv) { return npusim::cli::run_app(argc, argv); }
