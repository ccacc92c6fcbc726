import { Button, NativeSelect, Table } from "@mantine/core";
import type { ReactNode } from "react";

import classes from "./Admin.module.css";

interface TableProps {
  columns: readonly string[];
  acts: string; // the last column's name, which is heard and not seen
  children: ReactNode; // its rows
}

/** A list of an administrator, with a last column for what can be done to each row. */
export function AdminTable({ columns, acts, children }: TableProps) {
  return (
    <Table className={classes.table} verticalSpacing={7} horizontalSpacing={14} stickyHeader>
      <Table.Thead>
        <Table.Tr>
          {columns.map((column) => (
            <Table.Th key={column}>{column}</Table.Th>
          ))}
          <Table.Th>
            <span className="only-heard">{acts}</span>
          </Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>{children}</Table.Tbody>
    </Table>
  );
}

interface OlderProps {
  pages: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };
  children: ReactNode;
}

/** The way to the next page of a list; nothing where this was the last. */
export function Older({ pages, children }: OlderProps) {
  if (!pages.hasNextPage) return null;
  return (
    <Button
      className={classes.older}
      display="block"
      variant="default"
      loading={pages.isFetchingNextPage}
      onClick={() => void pages.fetchNextPage()}
    >
      {children}
    </Button>
  );
}

interface ChoiceProps<Value extends string> {
  name: string;
  isNameShown?: boolean; // else it is only heard
  any: string; // in words
  values: readonly Value[];
  wordsOf: (value: Value) => string;
  chosen: Value | null; // null: any
  onChoose: (chosen: Value | null) => void;
}

/** Which part of a list is shown. */
export function Choice<Value extends string>(props: ChoiceProps<Value>) {
  const { name, isNameShown = false, any, values, wordsOf, chosen, onChoose } = props;
  return (
    <NativeSelect
      size="xs"
      {...(isNameShown ? { label: name } : { "aria-label": name })}
      value={chosen ?? ""}
      data={[
        { value: "", label: any },
        ...values.map((value) => ({ value, label: wordsOf(value) })),
      ]}
      onChange={({ currentTarget }) => {
        onChoose(values.find((value) => value === currentTarget.value) ?? null);
      }}
    />
  );
}
