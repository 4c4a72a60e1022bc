// A shared library that is no memory model.
extern "C" int npusim_tlm_nothing() { return 0; }
