// The size of Node's pool of threads, for files, names of hosts and compression. Read when the first of them is used, so this is imported
// before all else. The four that Node has by itself are few where a disk may hang.

process.env['UV_THREADPOOL_SIZE'] ??= '16';
