# How `make` builds llama-cpp-python: only what the Python package loads. CMake reads this file right after
# `project(llama_cpp)`. A plain variable wins over the cache entry that the package forces (CMP0077, CMP0126).
# Measured with two cores: 232 s without this file, 98 s without `common`, 83 s with -O1 as well.

# `common` serves llama.cpp's own command-line tools: chat templates, downloads, an HTTP client.
set(LLAMA_BUILD_COMMON OFF)

# libllama builds graphs, loads files and splits text into tokens; the arithmetic is ggml's, which keeps its -O3.
function(evalharness_compile_llama_faster)
  target_compile_options(llama PRIVATE $<$<CONFIG:Release>:-O1>)
endfunction()
cmake_language(DEFER CALL evalharness_compile_llama_faster)
