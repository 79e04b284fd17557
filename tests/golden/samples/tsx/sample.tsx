/** A list of tasks that can be filtered, sorted and edited in place. */
import React, { forwardRef, memo, useCallback, useMemo, useReducer, type ReactNode } from "react";
import { Button, Checkbox } from "./controls";

export type TaskId = number;

export interface Task {
  id: TaskId;
  title: string;
  done: boolean;
  /** Days until it is due; negative when late. */
  dueIn?: number;
}

interface TaskListProps {
  tasks: readonly Task[];
  heading?: ReactNode;
  onChange: (tasks: Task[]) => void;
}

type Action = { type: "toggle"; id: TaskId } | { type: "rename"; id: TaskId; title: string } | { type: "clear" };

enum Filter {
  All = "all",
  Open = "open",
}

const LATE_CLASS = "task--late";
const SoonContext = React.createContext(3);

/** Applies one edit to the tasks. */
function reduce(tasks: Task[], action: Action): Task[] {
  switch (action.type) {
    case "toggle":
      return tasks.map((task) => (task.id === action.id ? { ...task, done: !task.done } : task));
    case "rename":
      return tasks.map((task) => (task.id === action.id ? { ...task, title: action.title } : task));
    case "clear":
      return tasks.filter((task) => !task.done);
  }
}

/** Remembers a filter in the address bar. */
export function useFilter(): [Filter, (next: Filter) => void] {
  const [filter, setFilter] = React.useState<Filter>(() =>
    location.hash === "#open" ? Filter.Open : Filter.All,
  );
  const choose = useCallback((next: Filter) => {
    location.hash = next;
    setFilter(next);
  }, []);
  return [filter, choose];
}

export const DueLabel = ({ dueIn }: { dueIn: number }) => {
  const soon = React.useContext(SoonContext);
  if (dueIn < 0) return <em className={LATE_CLASS}>{-dueIn} days late</em>;
  return <span>{dueIn <= soon ? "soon" : `in ${dueIn} days`}</span>;
};

// One line of the list; drawn again only when its task changes.
const Row = memo(function Row({ task, dispatch }: { task: Task; dispatch: React.Dispatch<Action> }) {
  return (
    <li className={task.done ? "task task--done" : "task"}>
      <Checkbox checked={task.done} onToggle={() => dispatch({ type: "toggle", id: task.id })} />
      <input
        value={task.title}
        onChange={(event) => dispatch({ type: "rename", id: task.id, title: event.target.value })}
      />
      {task.dueIn !== undefined && !task.done && <DueLabel dueIn={task.dueIn} />}
    </li>
  );
});

export const SearchBox = forwardRef<HTMLInputElement, { onSearch(text: string): void }>((props, ref) => (
  <input ref={ref} type="search" onInput={(event) => props.onSearch(event.currentTarget.value)} />
));

/** Catches what goes wrong while drawing the list, and offers to try again. */
export class ListBoundary extends React.Component<{ children: ReactNode }, { failed: boolean }> {
  state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  retry = () => this.setState({ failed: false });

  render() {
    return this.state.failed ? <Button onPress={this.retry}>Try again</Button> : this.props.children;
  }
}

/**
 * The whole list. Late tasks come first, then by title.
 */
export default function TaskList({ tasks: initial, heading = "Tasks", onChange }: TaskListProps) {
  const [tasks, dispatch] = useReducer(reduce, [...initial]);
  const [filter, choose] = useFilter();
  const [search, setSearch] = React.useState("");
  const box = React.useRef<HTMLInputElement>(null);

  React.useEffect(() => onChange(tasks), [tasks, onChange]);

  const shown = useMemo(() => {
    const wanted = search.trim().toLowerCase();
    return tasks
      .filter((task) => filter === Filter.All || !task.done)
      .filter((task) => wanted === "" || task.title.toLowerCase().includes(wanted))
      .sort((a, b) => (a.dueIn ?? Infinity) - (b.dueIn ?? Infinity) || a.title.localeCompare(b.title));
  }, [tasks, filter, search]);

  function focusSearch(event: React.KeyboardEvent) {
    if (event.key === "/") box.current?.focus();
  }

  return (
    <ListBoundary>
      <section onKeyDown={focusSearch}>
        <h2>{heading}</h2>
        <SearchBox ref={box} onSearch={setSearch} />
        <ul>
          {shown.map((task) => (
            <Row key={task.id} task={task} dispatch={dispatch} />
          ))}
        </ul>
        <footer>
          <Button onPress={() => choose(filter === Filter.All ? Filter.Open : Filter.All)}>{filter}</Button>
          <Button onPress={() => dispatch({ type: "clear" })}>Clear done</Button>
        </footer>
      </section>
    </ListBoundary>
  );
}
