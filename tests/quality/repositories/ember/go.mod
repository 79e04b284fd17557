module example.org/ember

go 1.22
