#if EVENT_LOOPS
    import NIOCore
    import NIOPosix

    /// Runs tasks on the event loop that their connections are on, so that an answer changes no thread.
    final class LoopExecutor: TaskExecutor {
        /// One for each loop that pools use.
        static let all = MultiThreadedEventLoopGroup.singleton.makeIterator().map(LoopExecutor.init)

        private let loop: any EventLoop

        private init(_ loop: any EventLoop) {
            self.loop = loop
        }

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        }
    }
#endif
